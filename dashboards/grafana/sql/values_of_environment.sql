-- What the variable environment offers: the busiest first.
SELECT value
FROM dim_values
WHERE
    field = 'environment' AND value != '' AND $__dateFilter(day)
GROUP BY value
ORDER BY sum(spans) DESC, value
LIMIT 200
