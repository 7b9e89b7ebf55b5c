-- What the variable model offers: the busiest first.
SELECT value
FROM dim_values
WHERE
    field = 'model' AND value != '' AND $__dateFilter(day)
GROUP BY value
ORDER BY sum(spans) DESC, value
LIMIT 200
