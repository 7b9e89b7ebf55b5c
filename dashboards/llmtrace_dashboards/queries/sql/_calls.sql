-- The calls that match, and what was found out of their costs later: a row each, of which only those of calls are stored.
FROM
(
    SELECT
        timestamp, model, status_code = 'ERROR' AS failed, sampling_weight AS weight, true AS is_stored,
        toInt8(status_code != 'ERROR' AND isNull(spans.cost_usd)) AS without_cost, spans.corrected_cost_usd AS cost,
        spans.input_tokens AS tokens_in, spans.output_tokens AS tokens_out, duration_ns, time_to_first_token_ns,
        feature, prompt_version,
-- include: _answers
    FROM spans
    WHERE
        is_call AND
-- include: _in_range
-- include: _filters
    UNION ALL
    SELECT
        timestamp, model, failed, sampling_weight AS weight, false AS is_stored,
        toInt8(-toInt8(isNull(old_cost_usd) AND NOT failed)) AS without_cost,
        toNullable(if(
            weight = 1,
            new_cost_usd - ifNull(old_cost_usd, toDecimal128(0, 12)),
            toDecimal128(new_cost_usd * toDecimal128(weight, 12), 12)
                - toDecimal128(ifNull(old_cost_usd, toDecimal128(0, 12)) * toDecimal128(weight, 12), 12))) AS cost,
        NULL AS tokens_in, NULL AS tokens_out, 0 AS duration_ns, NULL AS time_to_first_token_ns,
        feature, prompt_version, false AS is_answer, false AS faulty
    FROM cost_adjustments
    WHERE
-- include: _in_range
-- include: _later_filters
-- include: _later_terms
)
