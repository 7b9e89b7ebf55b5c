-- The slowest calls.
SELECT
    timestamp AS "Time",
    trace_id AS "Trace",
    duration_ns / 1e9 AS "Latency",
    time_to_first_token_ns / 1e9 AS "First token",
    toString(model) AS "Model",
    toString(service_name) AS "Service",
    toString(status_code) AS "Status"
FROM spans
WHERE
    is_call AND
    -- include: in_range
ORDER BY duration_ns DESC, timestamp DESC, trace_id
LIMIT 50
