-- Dollars by user, dearest first.
SELECT
    if(user_id = '', 'not told', user_id) AS "User",
    toFloat64(sum(usd)) AS "Spend",
    toUInt64(round(sum(calls))) AS "Calls",
    toUInt64(greatest(0, round(sum(without_price)))) AS "Without a price"
FROM
(
    -- include: costs
)
GROUP BY "User"
ORDER BY "Spend" DESC NULLS LAST, "Calls" DESC, "User"
LIMIT 50
