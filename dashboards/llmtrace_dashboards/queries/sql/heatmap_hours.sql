-- The same by hour, from the rollup: its histograms have eight steps an octave, of nanoseconds.
SELECT
    toInt64(toUnixTimestamp(hour)) * 1000 AS bucket_ms,
    toInt32(floor((pair.1 / 8 - log2(1e9)) * {steps:Float64})) AS step,
    sum(pair.2) AS calls,
    sumIf(pair.2, failed) AS errors
FROM
(
    SELECT hour, failed, arrayJoin(arrayZip(mapKeys(hist), mapValues(hist))) AS pair
    FROM
    (
        SELECT hour, failed, sumMap(if({figure:String} = 'ttft', time_to_first_token_hist, duration_hist)) AS hist
-- include: _hours
        AND is_call
        GROUP BY hour, failed
    )
)
GROUP BY bucket_ms, step
ORDER BY bucket_ms, step
LIMIT 20000
