-- Calls, errors and spend per bucket, from the rollup by minute.
SELECT
    intDiv(toInt64(toUnixTimestamp(minute)) * 1000, {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
-- include: _corrected_rollup
FROM spend_1m
WHERE
        minute >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
        AND minute < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
-- include: _rollup_filters
GROUP BY bucket_ms
ORDER BY bucket_ms
LIMIT 1000
