-- Calls, errors, spend and tokens of a window and of the one before it, from spans: one row per period.
SELECT
    if(timestamp >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
-- include: _corrected
    sum(spans.corrected_cost_usd) AS cost_usd,
    toUInt64(round(sum(spans.input_tokens * sampling_weight))) AS input_tokens,
    toUInt64(round(sum(spans.output_tokens * sampling_weight))) AS output_tokens
FROM spans
WHERE
        is_call AND
-- include: _in_range
-- include: _filters
GROUP BY period
LIMIT 2
