-- Calls, errors, spend and tokens of a window and of the one before it, from spans: one row per period.
SELECT
    if(timestamp >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
-- include: _corrected
    sum(cost) AS cost_usd,
    toUInt64(round(sum(tokens_in * weight))) AS input_tokens,
    toUInt64(round(sum(tokens_out * weight))) AS output_tokens
-- include: _calls
GROUP BY period
LIMIT 2
