-- A row of `span_content` from one that is understood.
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(start_ns), 'UTC') AS timestamp,
    trace_id,
    span_id,
    convention,
    system_instructions,
    input_messages,
    output_messages,
    tool_definitions,
    input_format,
    output_format,
    as_sent
FROM {source}
WHERE fault = '' AND route = '' AND (content_told OR message_events)
