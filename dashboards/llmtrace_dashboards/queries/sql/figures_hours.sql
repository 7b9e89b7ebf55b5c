-- The same as figures_raw from the rollup by hour, which knows nothing of answers.
SELECT
    if(hour >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
    intDiv(toInt64(toUnixTimestamp(hour)) * 1000, {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
-- include: _corrected_hours
    if(calls = errors + unpriced AND sum(span_1h.cost_usd) = 0, NULL, sum(span_1h.cost_usd) + sum(unsampled_cost_usd)) AS cost_usd,
    NULL AS answers, NULL AS faults
-- include: _hours
        AND is_call
GROUP BY GROUPING SETS ((period), (period, bucket_ms))
ORDER BY period, bucket_ms
LIMIT 1000
