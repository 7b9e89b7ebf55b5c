-- Latency percentiles per bucket of whole hours, from histograms: within 4.5 percent.
SELECT
    bucket_ms,
    toUInt64(exp2((p[1] + 0.5) / 8)) AS p50_ns,
    toUInt64(exp2((p[2] + 0.5) / 8)) AS p95_ns,
    toUInt64(exp2((p[3] + 0.5) / 8)) AS p99_ns
FROM
(
    SELECT
        intDiv(toInt64(toUnixTimestamp(hour)) * 1000, {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
        sumMap(duration_hist) AS histogram,
        arrayReduce('quantilesExactWeighted(0.5, 0.95, 0.99)', mapKeys(histogram), mapValues(histogram)) AS p
-- include: _hours
        AND is_call
    GROUP BY bucket_ms
)
ORDER BY bucket_ms
LIMIT 1000
