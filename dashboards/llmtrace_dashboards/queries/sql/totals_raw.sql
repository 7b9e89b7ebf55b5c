-- Calls, errors, spend and tokens of a window and of the one before it, from spans: one row per period.
SELECT
    if(timestamp >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
    count() AS calls,
    countIf(status_code = 'ERROR') AS errors,
    countIf(status_code != 'ERROR' AND isNull(spans.cost_usd)) AS unpriced,
    sum(spans.cost_usd) AS cost_usd,
    sum(spans.input_tokens) AS input_tokens,
    sum(spans.output_tokens) AS output_tokens
FROM spans
WHERE
        is_call AND
-- include: _in_range
-- include: _filters
GROUP BY period
LIMIT 2
