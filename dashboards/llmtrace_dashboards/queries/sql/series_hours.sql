-- Calls, errors and spend per bucket of whole hours, from the rollup by hour.
SELECT
    intDiv(toInt64(toUnixTimestamp(hour)) * 1000, {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
-- include: _corrected_hours
    sum(span_1h.cost_usd) + sum(unsampled_cost_usd) AS cost_usd
-- include: _hours
        AND is_call
GROUP BY bucket_ms
ORDER BY bucket_ms
LIMIT 1000
