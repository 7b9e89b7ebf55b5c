-- A measure of rules per bucket, from calls, as the watch reads it.
SELECT
    toInt64(floor((toUnixTimestamp64Milli(timestamp) - {end_ms:Int64}) / {bucket_ms:Int64})) AS bucket,
    count() AS calls,
    multiIf(
        {measure:String} = 'calls', sum(sampling_weight),
        {measure:String} = 'errors', sumIf(sampling_weight, status_code = 'ERROR'),
        {measure:String} = 'error_rate', countIf(status_code = 'ERROR') / count(),
        {measure:String} = 'latency_p50', quantileOrNull(0.5)(duration_ns) / 1e9,
        {measure:String} = 'latency_p90', quantileOrNull(0.9)(duration_ns) / 1e9,
        {measure:String} = 'latency_p95', quantileOrNull(0.95)(duration_ns) / 1e9,
        {measure:String} = 'latency_p99', quantileOrNull(0.99)(duration_ns) / 1e9,
        {measure:String} = 'ttft_p50', quantileOrNull(0.5)(time_to_first_token_ns) / 1e9,
        {measure:String} = 'ttft_p90', quantileOrNull(0.9)(time_to_first_token_ns) / 1e9,
        {measure:String} = 'ttft_p95', quantileOrNull(0.95)(time_to_first_token_ns) / 1e9,
        {measure:String} = 'ttft_p99', quantileOrNull(0.99)(time_to_first_token_ns) / 1e9,
        {measure:String} = 'input_tokens', sum(ifNull(spans.input_tokens, 0) * sampling_weight),
        {measure:String} = 'output_tokens', sum(ifNull(spans.output_tokens, 0) * sampling_weight),
        {measure:String} = 'input_tokens_per_call', avgOrNull(spans.input_tokens),
        {measure:String} = 'output_tokens_per_call', avgOrNull(spans.output_tokens),
        {measure:String} = 'cost_usd', toFloat64(sum(ifNull(corrected_cost_usd, toDecimal128(0, 12)))),
        {measure:String} = 'cost_per_call', avgOrNull(toFloat64(spans.cost_usd)),
        {measure:String} = 'cache_hit_share', sum(ifNull(spans.cached_input_tokens, 0)) / nullIf(sum(ifNull(spans.input_tokens, 0)), 0),
        {measure:String} = 'refusal_rate', countIf(output_refused) / nullIf(countIf(isNotNull(output_refused)), 0),
        {measure:String} = 'truncation_rate', countIf(output_truncated) / nullIf(countIf(isNotNull(output_truncated)), 0),
        {measure:String} = 'empty_rate', countIf(output_empty) / nullIf(countIf(isNotNull(output_empty)), 0),
        {measure:String} = 'invalid_json_rate', countIf(NOT json_valid) / nullIf(countIf(isNotNull(json_valid)), 0),
        {measure:String} = 'invalid_schema_rate', countIf(NOT schema_valid) / nullIf(countIf(isNotNull(schema_valid)), 0),
        {measure:String} = 'confidence', avgOrNull(mean_logprob),
        {measure:String} = 'unlikely_share', avgOrNull(spans.unlikely_share),
        {measure:String} = 'unpriced', sumIf(sampling_weight, status_code != 'ERROR' AND isNull(spans.cost_usd)),
        {measure:String} = 'unpriced_rate', countIf(status_code != 'ERROR' AND isNull(spans.cost_usd)) / count(),
        NULL
    ) AS figure
FROM spans
WHERE
        is_call AND
-- include: _in_range
-- include: _filters
GROUP BY bucket
ORDER BY bucket
LIMIT 200
