-- What a trace costs: how many do at all, the median and the 0.95 quantile. Costs found later are not in it.
SELECT
    count() AS traces,
    quantileExact(0.5)(cost) AS median_usd,
    quantileExact(0.95)(cost) AS p95_usd
FROM
(
    SELECT trace_id, toFloat64(sum(spans.cost_usd)) AS cost
    FROM spans
    WHERE
        is_call AND
-- include: _in_range
-- include: _filters
    GROUP BY trace_id
    HAVING cost > 0
)
LIMIT 1
