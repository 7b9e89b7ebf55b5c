-- The traces whose calls in the range cost most.
SELECT
    min(at) AS "Time",
    trace_id AS "Trace",
    toFloat64(sum(usd)) AS "Spend",
    toUInt64(round(sum(calls))) AS "Calls",
    max(user_id) AS "User",
    max(feature) AS "Feature"
FROM
(
    -- include: costs
)
GROUP BY trace_id
HAVING sum(usd) > 0
ORDER BY "Spend" DESC, trace_id
LIMIT 50
