-- Calls, errors and spend per bucket, from spans.
SELECT
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
-- include: _corrected
    sum(ifNull(spans.corrected_cost_usd, 0)) AS cost_usd
FROM spans
WHERE
        is_call AND
-- include: _in_range
-- include: _filters
GROUP BY bucket_ms
ORDER BY bucket_ms
LIMIT 1000
