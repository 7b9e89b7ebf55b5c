-- up to two days: the calls, and what was found out of their costs later
SELECT
    timestamp AS at, project, model, provider, service_name,
    sampling_weight AS calls,
    if(status_code = 'ERROR', sampling_weight, 0) AS errors,
    if(status_code != 'ERROR' AND isNull(spans.cost_usd), sampling_weight, 0) AS without_price,
    corrected_cost_usd AS usd
FROM spans
WHERE
    is_call AND
    -- include: raw
UNION ALL
SELECT
    timestamp AS at, project, model, provider, service_name,
    0 AS calls, 0 AS errors,
    if(isNull(old_cost_usd) AND NOT failed, -sampling_weight, 0) AS without_price,
    -- include: later_usd
    AS usd
FROM cost_adjustments
WHERE
    -- include: raw
UNION ALL
-- more than two days: whole hours
SELECT
    hour AS at, project, model, provider, service_name,
    spans + unsampled_spans AS calls,
    if(failed, spans + unsampled_spans, 0) AS errors,
    unpriced + unsampled_unpriced AS without_price,
    if(cost_usd = 0 AND unsampled_cost_usd = 0 AND (failed OR unpriced = spans), NULL, cost_usd + unsampled_cost_usd) AS usd
FROM service_1h
WHERE
    is_call AND
    -- include: hours
