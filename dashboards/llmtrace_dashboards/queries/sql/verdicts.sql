-- Per bucket and verdict: calls that a guardrail judged.
SELECT
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
    attributes[{name:String}] AS what,
    count() AS calls
FROM spans
WHERE
        is_call AND attributes[{name:String}] != '' AND
-- include: _in_range
-- include: _filters
GROUP BY bucket_ms, what
ORDER BY bucket_ms, what
LIMIT 5000
