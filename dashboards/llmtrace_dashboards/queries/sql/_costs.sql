-- Costs of calls that match with what each is for, and what was found out of them later.
FROM
(
    SELECT
        timestamp, trace_id,
-- include: _group_value
        AS value,
        1 AS stored, toInt8(status_code != 'ERROR' AND isNull(spans.cost_usd)) AS without_cost,
        spans.corrected_cost_usd AS cost, sampling_weight AS weight
    FROM spans
    WHERE
        is_call AND
-- include: _in_range
-- include: _filters
    UNION ALL
    SELECT
        timestamp, trace_id,
-- include: _group_value
        AS value,
        0 AS stored, toInt8(-toInt8(isNull(old_cost_usd) AND NOT failed)) AS without_cost,
        toNullable(if(
            sampling_weight = 1,
            new_cost_usd - ifNull(old_cost_usd, toDecimal128(0, 12)),
            toDecimal128(new_cost_usd * toDecimal128(sampling_weight, 12), 12)
                - toDecimal128(ifNull(old_cost_usd, toDecimal128(0, 12)) * toDecimal128(sampling_weight, 12), 12))) AS cost,
        sampling_weight AS weight
    FROM cost_adjustments
    WHERE
-- include: _in_range
-- include: _later_filters
-- include: _later_terms
)
