-- The newest failed span of each trace, the newest first.
SELECT
    trace_id, span_id, toUnixTimestamp64Nano(timestamp) AS start_ns, toString(name) AS name, toString(model) AS model,
    toString(error_type) AS error_type, substringUTF8(status_message, 1, 160) AS message, user_id AS user
FROM spans
WHERE
        status_code = 'ERROR' AND
-- include: _in_range
-- include: _filters
ORDER BY timestamp DESC, span_id DESC
LIMIT 1 BY trace_id
LIMIT {limit:UInt32}
