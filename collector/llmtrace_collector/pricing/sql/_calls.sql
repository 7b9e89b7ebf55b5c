-- Calls of an hour whose cost may be set: those without one, and with {again} those priced before from a list.
--
-- What the instrument left without a cost because counts were missing or contradict each other stays so: it knew more.
-- A call that was priced is priced again only where its columns explain its cost at the unit prices it tells, to the
-- last digits: else something was billed that they do not have (audio, thoughts that are in no count).
SELECT
    project, timestamp, trace_id, span_id, operation, provider, model, service_name, environment, agent_name, tool_name,
    prompt_name, prompt_version, feature, team, user_id, session_id,
    status_code = 'ERROR' AS failed,
    sampling_weight,
    cost_usd AS told,
    multiIf(response_model != '', response_model, provider LIKE 'azure%', '', request_model) AS priced_model,
    multiIf(
        response_service_tier = 'auto', '',
        response_service_tier IN ('default', 'standard', 'on_demand'), 'standard',
        response_service_tier != '', response_service_tier,
        request_service_tier IN ('', 'auto', 'default', 'standard', 'on_demand'), 'standard',
        '') AS tier,
    assumeNotNull(input_tokens) AS given,
    ifNull(cached_input_tokens, 0) AS cached,
    ifNull(cache_write_input_tokens, 0) AS written,
    ifNull(output_tokens, 0) AS made,
    ifNull(reasoning_output_tokens, 0) AS thought,
    isNotNull(output_tokens) AS is_output_told,
    toDecimal128OrZero(attributes['llmtrace.cost.tools_usd'], 12) AS tools_usd,
    toDecimal128OrNull(attributes['llmtrace.cost.unit_price.input'], 12) AS unit_input
FROM spans
WHERE timestamp >= {start:DateTime('UTC')} AND timestamp < {end:DateTime('UTC')}
    AND is_call
    AND isNotNull(input_tokens)
    AND cached + written <= given
    AND thought <= made
    AND ({model:String} = '' OR spans.model = {model:String} OR spans.response_model = {model:String})
    AND (
        (isNull(cost_usd)
            AND attributes['llmtrace.cost.unpriced_reason'] IN ('', 'model_unknown', 'service_tier_unpriced')
            AND NOT arrayExists(k -> startsWith(k, 'gen_ai.usage.audio.') OR startsWith(k, 'gen_ai.usage.image.') OR startsWith(k, 'gen_ai.usage.video.'), mapKeys(attributes)))
        OR ({again:Bool}
            AND isNotNull(cost_usd)
            AND attributes['llmtrace.cost.source'] IN ('list', 'negotiated')
            AND isNotNull(unit_input)
            AND abs(
                (given - cached - written) * toDecimal256(assumeNotNull(unit_input), 12)
                + cached * toDecimal256(ifNull(toDecimal128OrNull(attributes['llmtrace.cost.unit_price.cache_read'], 12), unit_input), 12)
                + written * toDecimal256(ifNull(toDecimal128OrNull(attributes['llmtrace.cost.unit_price.cache_creation'], 12), unit_input), 12)
                + (made - thought) * toDecimal256(toDecimal128OrZero(attributes['llmtrace.cost.unit_price.output'], 12), 12)
                + thought * toDecimal256(ifNull(toDecimal128OrNull(attributes['llmtrace.cost.unit_price.reasoning'], 12), toDecimal128OrZero(attributes['llmtrace.cost.unit_price.output'], 12)), 12)
                + toDecimal256(toDecimal128OrZero(attributes['llmtrace.cost.requests_usd'], 12), 12) * 1000000
                - toDecimal256(cost_usd - tools_usd, 12) * 1000000
            ) < 0.00001)
    )
