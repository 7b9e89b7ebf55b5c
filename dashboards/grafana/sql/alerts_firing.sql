-- How many alerts fire at the end of the range, and how many are about to: one row.
SELECT countIf(now = 'firing') AS "Firing", countIf(now = 'pending') AS "Pending"
FROM
(
    SELECT toString(argMax(state, (timestamp, state))) AS now
    FROM alert_events
    WHERE
        timestamp > $__toTime - INTERVAL 400 DAY AND timestamp <= $__toTime
        -- include: project
    GROUP BY rule, group_key
)
LIMIT 1
