-- Calls that were answered and have no cost, with the reason: the instrument's, else that of the prices.
SELECT
    calls.provider AS provider,
    calls.model AS model,
    sum(calls.n) AS calls,
    sum(calls.given) AS given,
    sum(calls.made) AS made,
    arrayStringConcat(arraySort(groupUniqArray(multiIf(calls.told != '', calls.told, NOT is_told, 'usage_not_reported',
        rates.reason != '', rates.reason, 'not priced yet'))), ', ') AS why
FROM
(
    SELECT
        provider,
        if(response_model != '', response_model, request_model) AS model,
        attributes['llmtrace.cost.unpriced_reason'] AS told,
        isNotNull(input_tokens) AS is_told,
        count() AS n,
        sum(ifNull(input_tokens, 0)) AS given,
        sum(ifNull(output_tokens, 0)) AS made
    FROM spans
    WHERE timestamp >= {since:DateTime('UTC')} AND is_call AND status_code != 'ERROR' AND isNull(cost_usd)
        AND (project, trace_id, span_id) NOT IN
        (
            SELECT project, trace_id, span_id FROM cost_adjustments WHERE timestamp >= {since:DateTime('UTC')}
        )
    GROUP BY provider, model, told, is_told
) AS calls
LEFT JOIN
(
    SELECT provider, model, argMax(reason, recorded_at) AS reason FROM model_rates GROUP BY provider, model
) AS rates ON calls.provider = rates.provider AND calls.model = rates.model
GROUP BY provider, model
ORDER BY calls DESC
LIMIT 100
