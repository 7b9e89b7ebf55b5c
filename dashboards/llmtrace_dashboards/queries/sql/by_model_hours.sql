-- One row per model, dearest first, from the rollup by hour; percentiles within 4.5 percent.
SELECT
    span_1h.model AS model,
-- include: _corrected_hours
    if(calls = errors + unpriced AND sum(span_1h.cost_usd) = 0, NULL, sum(span_1h.cost_usd) + sum(unsampled_cost_usd)) AS cost_usd,
-- include: _tokens_hours
    ,
-- include: _percentiles_hours
-- include: _hours
        AND is_call
GROUP BY model
ORDER BY cost_usd DESC NULLS LAST, calls DESC, model
LIMIT 50
