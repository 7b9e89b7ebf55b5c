-- Percentiles of latency and of time to first token, in seconds: one row. Of more than two days within 4.5 percent.
SELECT p50 AS "p50", p95 AS "p95", p99 AS "p99", first_p50 AS "First token p50", first_p95 AS "First token p95"
FROM
(
    SELECT
        -- include: percentiles
    FROM spans
    WHERE
        is_call AND
        -- include: raw
    HAVING count() > 0
    UNION ALL
    SELECT p50, p95, p99, first_p50, first_p95
    FROM
    (
        SELECT
            -- include: percentiles_hours
        FROM service_1h
        WHERE
            is_call AND
            -- include: hours
        HAVING count() > 0
    )
)
LIMIT 1
