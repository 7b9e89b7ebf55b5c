-- Calls of a window beside those of its reference. `{{...}}`: expressions of ours (attributes.py, measures.py); values
-- are bound. Each reads `spans` by time and stops after two seconds: an explanation is worth no more than that.

-- name: calls
SELECT {{columns}}
FROM spans
WHERE ((timestamp >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC') AND timestamp < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC'))
    OR (timestamp >= fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC') AND timestamp < fromUnixTimestamp64Milli({before_end_ms:Int64}, 'UTC')))
  AND is_call {{filters}} {{narrowed}}

-- name: threshold
-- The reference's p95 of a figure, and of how many calls.
SELECT quantileIf(0.95)(assumeNotNull(figure), isNotNull(figure) AND NOT now) AS p95, countIf(isNotNull(figure) AND NOT now) AS known
FROM ({{calls}})
SETTINGS max_execution_time = 2

-- name: size
-- How many calls meet the condition, of how many.
SELECT
    countIf(now AND met) AS met_now, countIf(now AND NOT met) AS rest_now,
    countIf(NOT now AND met) AS met_before, countIf(NOT now AND NOT met) AS rest_before
FROM ({{calls}})
WHERE isNotNull(met)
SETTINGS max_execution_time = 2

-- name: shares
-- The same by value of every attribute, from one in `met_step` of the calls that meet it and one in `rest_step` of the
-- others in the window. `candidates`: how many values the attribute has in all, with those that are not returned.
SELECT *
FROM
(
    SELECT
        pair.1 AS attribute, pair.2 AS value,
        countIf(now AND met) AS met_now, countIf(now AND NOT met) AS rest_now, countIf(NOT now AND met) AS met_before,
        count() OVER (PARTITION BY attribute) AS candidates
    FROM
    (
        SELECT now, assumeNotNull(met) AS met, arrayJoin(pairs) AS pair FROM ({{calls}})
    )
    GROUP BY attribute, value
)
WHERE met_now >= {least:UInt64} AND value != ''
ORDER BY met_now DESC, value
LIMIT {most:UInt64} BY attribute
SETTINGS max_execution_time = 2

-- name: amounts
-- Sums in the window and in the reference.
SELECT
    count() AS rows,
    sumIf(weight, now) AS calls_now, sumIf(amount, now) AS amount_now, sumIf(amount * amount, now) AS squares_now,
    sumIf(tokens_in, now) AS input_now, sumIf(tokens_out, now) AS output_now,
    sumIf(weight, NOT now) AS calls_before, sumIf(amount, NOT now) AS amount_before,
    sumIf(amount * amount, NOT now) AS squares_before,
    sumIf(tokens_in, NOT now) AS input_before, sumIf(tokens_out, NOT now) AS output_before
FROM ({{calls}})
SETTINGS max_execution_time = 2

-- name: sums
-- The same by value, from one in `step` of the calls.
SELECT *
FROM
(
    SELECT
        pair.1 AS attribute, pair.2 AS value,
        sumIf(weight, now) AS calls_now, sumIf(amount, now) AS amount_now, sumIf(amount * amount, now) AS squares_now,
        sumIf(tokens_in, now) AS input_now, sumIf(tokens_out, now) AS output_now,
        sumIf(weight, NOT now) AS calls_before, sumIf(amount, NOT now) AS amount_before,
        sumIf(amount * amount, NOT now) AS squares_before,
        sumIf(tokens_in, NOT now) AS input_before, sumIf(tokens_out, NOT now) AS output_before,
        count() OVER (PARTITION BY attribute) AS candidates
    FROM
    (
        SELECT now, weight, amount, tokens_in, tokens_out, arrayJoin(pairs) AS pair FROM ({{calls}})
    )
    GROUP BY attribute, value
)
WHERE value != ''
ORDER BY abs(amount_now - amount_before * {scale:Float64}) DESC, value
LIMIT {most:UInt64} BY attribute
SETTINGS max_execution_time = 2

-- name: timeline
-- By stretch of time: what is to be explained, of how many calls. The rest of the calls counts for the second alone.
SELECT
    intDiv(toUnixTimestamp64Milli(timestamp) - {before_ms:Int64}, {bucket_ms:Int64}) AS bucket,
    sumIf(amount, matches) AS amount, count() AS calls
FROM ({{calls}})
GROUP BY bucket
ORDER BY bucket
SETTINGS max_execution_time = 2

-- name: examples
-- Some of the calls that are explained: the two worst, and three that are near the middle.
WITH matching AS (SELECT trace_id, span_id, ifNull(toFloat64(figure), 0) AS size, draw FROM ({{calls}}))
SELECT trace_id, span_id, why
FROM
(
    SELECT trace_id, span_id, 'worst' AS why FROM matching ORDER BY size DESC, draw LIMIT 2
    UNION ALL
    SELECT trace_id, span_id, 'typical' AS why FROM matching ORDER BY abs(size - (SELECT median(size) FROM matching)), draw LIMIT 5
)
ORDER BY why = 'worst' DESC
LIMIT 1 BY trace_id, span_id
LIMIT 5
SETTINGS max_execution_time = 2
