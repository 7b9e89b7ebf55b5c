-- Latency percentiles and time to first token per bucket.
SELECT
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
    quantileExact(0.5)(duration_ns) AS p50_ns,
    quantileExact(0.95)(duration_ns) AS p95_ns,
    quantileExact(0.99)(duration_ns) AS p99_ns
FROM spans
WHERE
        is_call AND
-- include: _in_range
-- include: _filters
GROUP BY bucket_ms
ORDER BY bucket_ms
LIMIT 1000
