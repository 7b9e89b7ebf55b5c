-- Percentiles of time to first token by interval, in seconds.
SELECT time, first_p50 AS "p50", first_p95 AS "p95"
FROM
(
    SELECT
        $__timeInterval(timestamp) AS time,
        -- include: percentiles
    FROM spans
    WHERE
        is_call AND
        -- include: raw
    GROUP BY time
    UNION ALL
    SELECT time, p50, p95, p99, first_p50, first_p95
    FROM
    (
        SELECT
            $__timeInterval(hour) AS time,
            -- include: percentiles_hours
        FROM service_1h
        WHERE
            is_call AND
            -- include: hours
        GROUP BY time
    )
)
ORDER BY time
LIMIT 10000
