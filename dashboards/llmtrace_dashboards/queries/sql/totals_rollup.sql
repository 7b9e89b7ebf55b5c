-- The same as totals_raw from the rollup by minute: for long windows with no filter the rollup does not know.
SELECT
    if(minute >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
-- include: _corrected_rollup
    , sum(spend_1m.input_tokens) + toUInt64(round(sum(unsampled_input_tokens))) AS input_tokens,
    sum(spend_1m.output_tokens) + toUInt64(round(sum(unsampled_output_tokens))) AS output_tokens
FROM spend_1m
WHERE
        minute >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
        AND minute < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
-- include: _rollup_filters
GROUP BY period
LIMIT 2
