-- One row per model, dearest first.
SELECT
    spans.model AS model,
-- include: _corrected
    sum(spans.corrected_cost_usd) AS cost_usd,
    toUInt64(round(sum(spans.input_tokens * sampling_weight))) AS input_tokens,
    toUInt64(round(sum(spans.output_tokens * sampling_weight))) AS output_tokens,
    quantileExact(0.95)(duration_ns) AS p95_ns,
    quantileExactOrNull(0.95)(time_to_first_token_ns) AS ttft_p95_ns
FROM spans
WHERE
        is_call AND
-- include: _in_range
-- include: _filters
GROUP BY model
ORDER BY cost_usd DESC NULLS LAST, calls DESC, model
LIMIT 50
