-- What evaluators and people said of one trace; its spans may be older than what was said.
SELECT 'evaluation' AS source, span_id, toString(name) AS what, value, toString(label) AS verdict, explanation AS told, timestamp
FROM scores
WHERE
-- include: _in_range
        AND trace_id = {trace_id:String}
UNION ALL
SELECT 'feedback' AS source, span_id, toString(name) AS what, value, toString(label) AS verdict, comment AS told, timestamp
FROM feedback
WHERE
-- include: _in_range
        AND trace_id = {trace_id:String}
ORDER BY timestamp DESC, source, what
LIMIT 200
