-- What the filters offer: the busiest values of each on the days of the range; of users, on the last two of them.
SELECT
    transform(toString(dim_values.field), ['service', 'environment'], ['svc', 'env'], toString(dim_values.field)) AS field,
    value,
    sum(dim_values.spans) AS spans
FROM dim_values
WHERE
        day >= toDate(fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC'))
        AND day <= toDate(fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC'))
        AND
        (
            dim_values.field IN ('model', 'service', 'environment')
            OR (dim_values.field = 'user' AND day >= toDate(fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')) - 1)
        )
        AND ({project:String} = '' OR project = {project:String})
GROUP BY field, value
ORDER BY spans DESC, value
LIMIT 50 BY field
LIMIT 250
UNION ALL
SELECT 'project' AS field, toString(project) AS value, sum(span_1h.spans) AS spans
FROM span_1h
WHERE
-- include: _in_hours
        AND ({project:String} = '' OR project = {project:String})
GROUP BY value
ORDER BY spans DESC, value
LIMIT 50
