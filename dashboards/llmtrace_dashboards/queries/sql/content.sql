-- The messages of one span, where the app chose to capture them.
SELECT system_instructions, input_messages, output_messages, tool_definitions
FROM span_content
WHERE
-- include: _in_range
        AND trace_id = {trace_id:String}
        AND span_id = {span_id:String}
ORDER BY timestamp
LIMIT 1
