-- Dollars since the beginning of the range, added up by the hour.
SELECT time, toFloat64(sum(dollars) OVER (ORDER BY time)) AS "USD"
FROM
(
    SELECT hour AS time, sum(cost_usd) + sum(unsampled_cost_usd) AS dollars
    FROM service_1h
    WHERE
        is_call AND hour > $__fromTime - INTERVAL 1 HOUR AND hour < $__toTime
        -- include: filters
    GROUP BY time
)
ORDER BY time
LIMIT 10000
