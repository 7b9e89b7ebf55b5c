-- The same as figures_raw from the rollup by minute, which knows nothing of answers.
SELECT
    if(minute >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
    intDiv(toInt64(toUnixTimestamp(minute)) * 1000, {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
-- include: _corrected_rollup
    , NULL AS answers, NULL AS faults
FROM spend_1m
WHERE
        minute >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
        AND minute < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
-- include: _rollup_filters
GROUP BY GROUPING SETS ((period), (period, bucket_ms))
ORDER BY period, bucket_ms
LIMIT 1000
