-- What evaluators found of each answer, by name.
SELECT project, trace_id, span_id, response_id, toString(name) AS name, avg(value) AS mean
FROM scores
WHERE timestamp >= {start:DateTime64(3, 'UTC')} AND timestamp < {end:DateTime64(3, 'UTC')} + INTERVAL 31 DAY
    AND ({project:String} = '' OR project = {project:String})
    AND isNotNull(value) AND error_type = ''
GROUP BY project, trace_id, span_id, response_id, name
