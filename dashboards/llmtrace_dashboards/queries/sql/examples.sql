-- The first spans that match, with all features that can shift.
SELECT
    trace_id, span_id, toString(name) AS name, toUnixTimestamp64Nano(timestamp) AS start_ns, substring(input_preview, 1, 120) AS input_preview,
    input_tokens, output_tokens, duration_ns / 1e9 AS latency, time_to_first_token_ns / 1e9 AS ttft,
    toFloat64(spans.cost_usd) AS cost, output_tokens / nullIf(duration_ns, 0) * 1e9 AS tokens_per_second,
    arrayElement(finish_reasons, 1) AS finish, toString(response_model) AS response_model,
    toString(prompt_version) AS prompt_version, toString(spans.feature) AS feature, toString(tool_name) AS tool,
    toString(service_name) AS service, toString(provider) AS provider
FROM spans
WHERE
-- include: _in_range
-- include: _filters
ORDER BY timestamp
LIMIT {limit:UInt32}
