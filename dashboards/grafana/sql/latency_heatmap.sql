-- Calls by interval and latency; a column is of the calls up to so many seconds, and longer than the column before it.
SELECT
    time,
    sumIf(n, seconds <= 0.1) AS "0.1",
    sumIf(n, seconds > 0.1 AND seconds <= 0.2) AS "0.2",
    sumIf(n, seconds > 0.2 AND seconds <= 0.5) AS "0.5",
    sumIf(n, seconds > 0.5 AND seconds <= 1) AS "1",
    sumIf(n, seconds > 1 AND seconds <= 2) AS "2",
    sumIf(n, seconds > 2 AND seconds <= 5) AS "5",
    sumIf(n, seconds > 5 AND seconds <= 10) AS "10",
    sumIf(n, seconds > 10 AND seconds <= 20) AS "20",
    sumIf(n, seconds > 20 AND seconds <= 50) AS "50",
    sumIf(n, seconds > 50 AND seconds <= 100) AS "100",
    sumIf(n, seconds > 100) AS "+Inf"
FROM
(
    SELECT $__timeInterval(timestamp) AS time, duration_ns / 1e9 AS seconds, toUInt64(1) AS n
    FROM spans
    WHERE
        is_call AND
        -- include: raw
    UNION ALL
    SELECT time, exp2((bucket.1 + 0.5) / 8) / 1e9 AS seconds, bucket.2 AS n
    FROM
    (
        SELECT time, arrayJoin(arrayZip(mapKeys(durations), mapValues(durations))) AS bucket
        FROM
        (
            SELECT $__timeInterval(hour) AS time, sumMap(duration_hist) AS durations
            FROM service_1h
            WHERE
                is_call AND
                -- include: hours
            GROUP BY time
        )
    )
)
GROUP BY time
ORDER BY time
LIMIT 10000
