SELECT
    timestamp AS at, trace_id, user_id, feature,
    sampling_weight AS calls,
    if(status_code != 'ERROR' AND isNull(spans.cost_usd), sampling_weight, 0) AS without_price,
    corrected_cost_usd AS usd
FROM spans
WHERE
    is_call AND
    -- include: in_range
UNION ALL
SELECT
    timestamp AS at, trace_id, user_id, feature,
    0 AS calls,
    if(isNull(old_cost_usd) AND NOT failed, -sampling_weight, 0) AS without_price,
    -- include: later_usd
    AS usd
FROM cost_adjustments
WHERE
    -- include: in_range
