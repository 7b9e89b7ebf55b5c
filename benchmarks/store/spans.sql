-- Spans of a seeded, realistic shape, rows {first:UInt64} up to {end:UInt64} of {total:UInt64}.
--
-- Four rows make a trace (an agent, calls, a tool); one trace in a hundred has 400. Users follow Zipf's law, sessions are
-- of a user and a day, traffic has a daily cycle and bursts of two minutes. Everything follows from seed and row number.
INSERT INTO generated
(
    project, timestamp, trace_id, span_id, parent_span_id, name, kind, service_name, environment, scope_name, duration_ns,
    status_code, status_message, error_type, is_call, operation, provider, request_model, response_model, model, response_id,
    finish_reasons, stream, input_tokens, output_tokens, cached_input_tokens, cost_usd, time_to_first_token_ns, user_id,
    session_id, input_preview, output_preview, attributes, resource_attributes, received_at,
    input_messages, output_messages
)
WITH
    ['gpt-5-mini', 'gpt-4o-mini', 'gpt-5', 'claude-sonnet-4-5', 'gemini-2.5-flash', 'gpt-4o', 'claude-haiku-4-5', 'o4-mini',
     'mistral-large', 'llama-3.3-70b', 'gpt-5-2026-10-01', 'text-embedding-3-small'] AS models,
    ['openai', 'openai', 'openai', 'anthropic', 'gcp.gemini', 'openai', 'anthropic', 'openai', 'mistral_ai', 'groq', 'openai', 'openai'] AS providers,
    [0.25, 0.15, 1.25, 3, 0.3, 2.5, 1, 1.1, 2, 0.59, 1.25, 0.02] AS dollars_in,
    ['assistant', 'search', 'support', 'billing', 'reports', 'mail', 'code', 'voice', 'crm', 'batch', 'labels', 'admin'] AS services
SELECT
    project, fromUnixTimestamp64Nano(start_ns, 'UTC'), trace_id, span_id, parent_span_id, name,
    if(is_call, 'CLIENT', 'INTERNAL'), service, environment, 'llmtrace', duration_ns,
    if(failed, 'ERROR', 'UNSET'), if(failed, 'the provider answered 429', ''), if(failed, '429', ''), is_call, operation, provider, model, model,
    model, if(is_call, concat('chatcmpl-', substring(span_id, 1, 12), substring(trace_id, 1, 12)), ''),
    if(is_call AND NOT failed, ['stop'], []), stream, tokens_in, tokens_out, if(isNull(tokens_in), NULL, toUInt64(tokens_in * (u6 < 0.3) * 0.6)),
    if(isNull(tokens_in), NULL, toDecimal128(round(tokens_in * price * 1e-6 + tokens_out * price * 5e-6, 9), 12)),
    if(stream, toUInt64(duration_ns * (0.05 + 0.3 * u7)), NULL), user_id, session_id,
    leftUTF8(question, 200), leftUTF8(answer, 200), attributes, resource_attributes,
    fromUnixTimestamp64Nano(start_ns + toInt64(duration_ns) + 1500000000, 'UTC'),
    if(question = '', '', concat('[{"role":"user","parts":[{"type":"text","content":"', question, '"}]}]')),
    if(answer = '', '', concat('[{"role":"assistant","parts":[{"type":"text","content":"', answer, '"}],"finish_reason":"stop"}]'))
FROM
(
    SELECT
        *,
        lower(hex(cityHash64({seed:UInt64}, trace, 'trace'))) || lower(hex(cityHash64({seed:UInt64}, trace, 'more'))) AS trace_id,
        lower(hex(cityHash64({seed:UInt64}, n, 'span'))) AS span_id,
        if(is_root, '', lower(hex(cityHash64({seed:UInt64}, trace, 'span')))) AS parent_span_id,
        services[1 + toUInt32(12 * v3 * v3)] AS service,
        ['default', 'default', 'default', 'shop', 'lab'][1 + toUInt32(5 * v4)] AS project,
        multiIf(v5 < 0.85, 'production', v5 < 0.97, 'staging', 'development') AS environment,
        multiIf(is_root, 'invoke_agent', is_tool, 'execute_tool', u1 < 0.1, 'embeddings', 'chat') AS operation,
        NOT is_root AND NOT is_tool AS is_call,
        if(is_call, if(operation = 'embeddings', 12, 1 + toUInt32(11 * pow(u2, 2.2))), 0) AS m,
        if(m > 0, models[m], '') AS model,
        if(m > 0, providers[m], '') AS provider,
        if(m > 0, dollars_in[m], 0) AS price,
        multiIf(is_call, concat(operation, ' ', model), is_root, concat('invoke_agent ', service), concat('execute_tool ', ['search_orders', 'fetch_page', 'run_sql'][1 + toUInt32(3 * u2)])) AS name,
        is_call AND u3 < if(cityHash64({seed:UInt64}, intDiv(hour, 7), 'outage') % 24 = 0, 0.2, 0.012) AS failed,
        toUInt64(1e6 * multiIf(is_root, 9000, is_tool, 150, 350 + 180 * m) * exp(0.7 * z)) AS duration_ns,
        is_call AND operation = 'chat' AND u4 < 0.6 AND NOT failed AS stream,
        if(is_call AND NOT failed AND u5 > 0.01, toUInt64(600 * exp(1.1 * z2)), NULL) AS tokens_in,
        if(isNull(tokens_in), NULL, if(operation = 'embeddings', 0, toUInt64(180 * exp(0.9 * z)))) AS tokens_out,
        is_call AND u12 < {share:Float64} AS with_content,
        if(with_content, concat('Order ', toString(cityHash64(n) % 1000000), ': ', {text:8}), '') AS question,
        if(with_content, {text:5}, '') AS answer,
        map('llmtrace.route', ['primary', 'cheap', 'fallback'][1 + toUInt32(3 * u6 * u6)], 'llmtrace.cache.outcome', if(u7 < 0.12, 'hit', 'miss'), 'gen_ai.request.max_tokens', toString(256 * toUInt32(1 + 8 * u4))) AS attributes,
        map('service.name', service, 'service.version', '1.4.2', 'telemetry.sdk.name', 'opentelemetry') AS resource_attributes,
        start_base + if(is_root, 0, toInt64(4e8 * (n - trace)) + toInt64(1e9 * u8)) AS start_ns,
        concat('user-', leftPad(toString(toUInt32(pow(200000, v1))), 6, '0')) AS user_id,
        concat(user_id, '-', toString(intDiv(hour, 24)), '-', toString(toUInt32(3 * v2))) AS session_id
    FROM
    (
        SELECT
            *,
            n = trace AS is_root,
            NOT is_root AND n % 4 = 3 AND u9 < 0.4 AS is_tool,
            intDiv(base_ns, 3600000000000) AS hour,
            if(cityHash64({seed:UInt64}, hour, 'burst') % 16 = 0 AND v6 < 0.4,
                hour * 3600000000000 + 60000000000 * (cityHash64({seed:UInt64}, hour, 'minute') % 50) + toInt64(120e9 * v7),
                base_ns) AS start_base,
            sqrt(-2 * log(u10 + 1e-12)) * cos(6.283185307179586 * u11) AS z,
            sqrt(-2 * log(u10 + 1e-12)) * sin(6.283185307179586 * u11) AS z2
        FROM
        (
            SELECT
                number AS n,
                if(cityHash64({seed:UInt64}, intDiv(n, 400), 'long') % 100 = 0, intDiv(n, 400) * 400, intDiv(n, 4) * 4) AS trace,
                {days:UInt32} * trace / {total:UInt64} AS day,
                toInt64({anchor_ns:Int64} - {days:UInt32} * 86400000000000 + (day + 0.11 * sin(6.283185307179586 * day)) * 86400000000000) AS base_ns,
                {uniforms}
            FROM numbers({first:UInt64}, {end:UInt64} - {first:UInt64})
        )
    )
)
