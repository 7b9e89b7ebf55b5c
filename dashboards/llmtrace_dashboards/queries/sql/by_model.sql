-- One row per model, dearest first.
SELECT
    spans.model AS model,
    count() AS calls,
    countIf(status_code = 'ERROR') AS errors,
    countIf(status_code != 'ERROR' AND isNull(spans.cost_usd)) AS unpriced,
    sum(spans.cost_usd) AS cost_usd,
    sum(spans.input_tokens) AS input_tokens,
    sum(spans.output_tokens) AS output_tokens,
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
