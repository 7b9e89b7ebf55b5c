-- Dollars by hour, from the rollup: what a month's forecast learns from.
SELECT
    toUnixTimestamp(hour) AS hour_s,
    sum(span_1h.cost_usd) + sum(unsampled_cost_usd) AS cost_usd,
    sum(span_1h.unpriced) + toUInt64(round(sum(unsampled_unpriced))) AS unpriced
-- include: _hours
        AND is_call
GROUP BY hour_s
ORDER BY hour_s
LIMIT 10000
