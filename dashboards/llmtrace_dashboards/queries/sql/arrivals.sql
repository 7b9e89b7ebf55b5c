-- Spans that were received since `since_ms` and `lately_ms`, and how long after their end. One row; spans that were days late are left out.
SELECT
    version() AS version,
    countIf(received_at >= fromUnixTimestamp64Milli({lately_ms:Int64}, 'UTC')) AS lately,
    count() AS spans,
    quantileExactOrNull(0.5)(dateDiff('microsecond', timestamp, received_at) * 1000 - toInt64(duration_ns)) AS p50_ns,
    quantileExactOrNull(0.95)(dateDiff('microsecond', timestamp, received_at) * 1000 - toInt64(duration_ns)) AS p95_ns
FROM spans
WHERE
-- include: _in_range
        AND received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')
LIMIT 1
