-- Calls, errors and spend of the range: one row.
SELECT
    toUInt64(round(sum(calls))) AS "Calls",
    toUInt64(round(sum(errors))) AS "Errors",
    sum(errors) / nullIf(sum(calls), 0) AS "Error rate",
    toFloat64(sum(usd)) AS "Spend",
    toUInt64(greatest(0, round(sum(without_price)))) AS "Without a price"
FROM
(
    -- include: calls
)
LIMIT 1
