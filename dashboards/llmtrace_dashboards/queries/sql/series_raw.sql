-- Calls, errors and spend per bucket, from spans.
SELECT
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
-- include: _corrected
    sum(ifNull(cost, 0)) AS cost_usd
-- include: _calls
GROUP BY bucket_ms
ORDER BY bucket_ms
LIMIT 1000
