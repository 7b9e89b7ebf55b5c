-- Calls that succeeded and that failed, by interval.
SELECT
    $__timeInterval(at) AS time,
    round(sum(calls) - sum(errors)) AS "Succeeded",
    round(sum(errors)) AS "Failed"
FROM
(
    -- include: calls
)
GROUP BY time
ORDER BY time
LIMIT 10000
