-- How many calls fall into each bucket of time and each step of a figure on a logarithmic scale, from spans.
SELECT
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
    toInt32(floor(log2(figure) * {steps:Float64})) AS step,
    count() AS calls,
    countIf(status_code = 'ERROR') AS errors
FROM
(
    SELECT timestamp, status_code,
-- include: _figure
        AS figure
    FROM spans
    WHERE
        is_call AND
-- include: _in_range
-- include: _filters
)
WHERE figure > 0
GROUP BY bucket_ms, step
ORDER BY bucket_ms, step
LIMIT 10000
