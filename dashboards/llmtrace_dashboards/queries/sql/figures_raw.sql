-- Calls, errors, spend and quality of a window, by bucket and as a whole (bucket 0), and of the one it is compared with.
SELECT
    if(timestamp >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
    intDiv(toUnixTimestamp64Milli(timestamp), {bucket_ms:Int64}) * {bucket_ms:Int64} AS bucket_ms,
-- include: _corrected
    sum(cost) AS cost_usd,
    sumIf(weight, is_answer) AS answers,
    sumIf(weight, is_answer AND faulty) AS faults
-- include: _calls
GROUP BY GROUPING SETS ((period), (period, bucket_ms))
ORDER BY period, bucket_ms
LIMIT 1000
