-- Calls of chat with their messages, the newest first.
SELECT
    s.project AS project, s.timestamp AS timestamp, s.trace_id AS trace_id, s.span_id AS span_id, s.response_id AS response_id,
    toString(s.model) AS model, s.session_id AS session_id, s.user_id AS user_id, s.input_tokens AS input_tokens, s.output_tokens AS output_tokens,
    s.status_code = 'ERROR' AS failed, s.origin AS origin, s.verdict AS verdict,
    s.output_refused AS output_refused, s.output_truncated AS output_truncated, s.output_empty AS output_empty,
    s.json_valid AS json_valid, s.schema_valid AS schema_valid,
    s.tool_calls_json_valid AS tool_calls_json_valid, s.tool_calls_schema_valid AS tool_calls_schema_valid,
    c.system_instructions AS system_instructions, c.input_messages AS input_messages, c.output_messages AS output_messages,
    c.tool_definitions AS tool_definitions, toString(c.input_format) AS input_format, toString(c.output_format) AS output_format
FROM
(
    SELECT *, attributes['llmtrace.reply.origin'] AS origin, attributes['llmtrace.guardrail.verdict'] AS verdict
    FROM spans
    WHERE timestamp >= {start:DateTime64(3, 'UTC')} AND timestamp < {end:DateTime64(3, 'UTC')}
        AND is_call AND operation = 'chat'
        AND ({project:String} = '' OR project = {project:String})
        AND ({feature:String} = '' OR feature = {feature:String})
        AND ({model:String} = '' OR model = {model:String})
) AS s
INNER JOIN
(
    -- Of a span whose content came twice, on it and on an event, what says more.
    SELECT * FROM span_content
    WHERE timestamp >= {start:DateTime64(3, 'UTC')} AND timestamp < {end:DateTime64(3, 'UTC')} + INTERVAL 1 HOUR
    ORDER BY length(input_messages) + length(output_messages) DESC
    LIMIT 1 BY project, trace_id, span_id
) AS c ON c.project = s.project AND c.trace_id = s.trace_id AND c.span_id = s.span_id
ORDER BY timestamp DESC, span_id
LIMIT {limit:UInt32}
