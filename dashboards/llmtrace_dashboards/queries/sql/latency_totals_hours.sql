-- Percentiles of a window and of the one before it, from histograms: within 4.5 percent.
SELECT
    if(hour >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
-- include: _percentiles_hours
    , arraySum(mapValues(sumMap(time_to_first_token_hist))) AS streamed
-- include: _hours
        AND is_call
GROUP BY period
LIMIT 2
