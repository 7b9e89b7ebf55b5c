-- Dollars by feature, dearest first.
SELECT
    if(feature = '', 'not told', toString(feature)) AS "Feature",
    toFloat64(sum(usd)) AS "Spend",
    toUInt64(round(sum(calls))) AS "Calls",
    toUInt64(greatest(0, round(sum(without_price)))) AS "Without a price"
FROM
(
    -- include: costs
)
GROUP BY "Feature"
ORDER BY "Spend" DESC NULLS LAST, "Calls" DESC, "Feature"
LIMIT 50
