-- The same by whole hours, from histograms: within 4.5 percent.
SELECT
    period, bucket_ms,
    toUInt64(exp2((p[1] + 0.5) / 8)) AS p50_ns,
    toUInt64(exp2((p[2] + 0.5) / 8)) AS p95_ns,
    toUInt64(exp2((p[3] + 0.5) / 8)) AS p99_ns,
    if(empty(waits), NULL, toUInt64(exp2((arrayReduce('quantileExactWeighted(0.95)', mapKeys(waits), mapValues(waits)) + 0.5) / 8))) AS ttft_p95_ns
FROM
(
    SELECT
        if(hour >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
        intDiv(toInt64(toUnixTimestamp(hour)) * 1000, {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
        sumMap(duration_hist) AS histogram,
        sumMap(time_to_first_token_hist) AS waits,
        arrayReduce('quantilesExactWeighted(0.5, 0.95, 0.99)', mapKeys(histogram), mapValues(histogram)) AS p
-- include: _hours
        AND is_call
    GROUP BY GROUPING SETS ((period), (period, bucket_ms))
)
ORDER BY period, bucket_ms
LIMIT 1000
