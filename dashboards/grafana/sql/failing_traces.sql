-- The newest traces with a call that failed.
SELECT
    max(timestamp) AS "Time",
    trace_id AS "Trace",
    any(service_name) AS "Service",
    any(model) AS "Model",
    any(error_type) AS "Error",
    any(status_message) AS "Message",
    count() AS "Failed calls"
FROM spans
WHERE
    is_call AND status_code = 'ERROR' AND
    -- include: in_range
GROUP BY trace_id
ORDER BY "Time" DESC, trace_id
LIMIT 50
