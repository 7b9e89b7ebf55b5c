-- Percentiles of latency and of time to first token, of a window and of the one before it.
SELECT
    if(timestamp >= fromUnixTimestamp64Milli({split_ms:Int64}, 'UTC'), 'now', 'before') AS period,
    quantileExact(0.95)(duration_ns) AS p95_ns,
    quantileExactOrNull(0.95)(time_to_first_token_ns) AS ttft_p95_ns,
    count(time_to_first_token_ns) AS streamed
FROM spans
WHERE
        is_call AND
-- include: _in_range
-- include: _filters
GROUP BY period
LIMIT 2
