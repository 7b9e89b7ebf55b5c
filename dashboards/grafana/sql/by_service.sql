-- A row a service, the busiest first.
SELECT
    sums.what AS "Service",
    toUInt64(round(n)) AS "Calls",
    failed / nullIf(n, 0) AS "Error rate",
    toFloat64(dollars) AS "Spend",
    toUInt64(greatest(0, round(unknown))) AS "Without a price",
    p50 AS "p50", p95 AS "p95", p99 AS "p99", first_p95 AS "First token p95"
FROM
(
    SELECT toString(service_name) AS what, sum(calls) AS n, sum(errors) AS failed, sum(without_price) AS unknown, sum(usd) AS dollars
    FROM
    (
        -- include: calls
    )
    GROUP BY what
) AS sums
LEFT JOIN
(
    SELECT
        toString(service_name) AS what,
        -- include: percentiles
    FROM spans
    WHERE
        is_call AND
        -- include: raw
    GROUP BY what
    UNION ALL
    SELECT what, p50, p95, p99, first_p50, first_p95
    FROM
    (
        SELECT
            toString(service_name) AS what,
            -- include: percentiles_hours
        FROM service_1h
        WHERE
            is_call AND
            -- include: hours
        GROUP BY what
    )
) AS slow ON slow.what = sums.what
ORDER BY "Calls" DESC, sums.what
LIMIT 100
