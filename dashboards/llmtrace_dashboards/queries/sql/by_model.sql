-- One row per model, dearest first.
SELECT
    model,
-- include: _corrected
    sum(cost) AS cost_usd,
    toUInt64(round(sum(tokens_in * weight))) AS input_tokens,
    toUInt64(round(sum(tokens_out * weight))) AS output_tokens,
    quantileExactIf(0.95)(duration_ns, is_stored) AS p95_ns,
    quantileExactOrNullIf(0.95)(time_to_first_token_ns, is_stored) AS ttft_p95_ns
-- include: _calls
GROUP BY model
ORDER BY cost_usd DESC NULLS LAST, calls DESC, model
LIMIT 50
