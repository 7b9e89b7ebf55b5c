-- Percentiles of latency and of time to first token of a window, by bucket and as a whole (bucket 0), and of the one it
-- is compared with.
SELECT
    if(timestamp >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
    quantilesExact(0.5, 0.95, 0.99)(duration_ns) AS p,
    p[1] AS p50_ns, p[2] AS p95_ns, p[3] AS p99_ns,
    quantileExactOrNull(0.95)(time_to_first_token_ns) AS ttft_p95_ns
FROM spans
WHERE
        is_call AND
-- include: _in_range
-- include: _filters
GROUP BY GROUPING SETS ((period), (period, bucket_ms))
ORDER BY period, bucket_ms
LIMIT 1000
