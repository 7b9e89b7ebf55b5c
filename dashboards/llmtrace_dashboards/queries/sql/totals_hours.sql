-- The same as totals_raw from the rollup by hour: where there are too many spans to read.
SELECT
    if(hour >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
-- include: _corrected_hours
    if(calls = errors + unpriced AND sum(span_1h.cost_usd) = 0, NULL, sum(span_1h.cost_usd) + sum(unsampled_cost_usd)) AS cost_usd,
-- include: _tokens_hours
-- include: _hours
        AND is_call
GROUP BY period
LIMIT 2
