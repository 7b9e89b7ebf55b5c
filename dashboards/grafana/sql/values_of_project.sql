-- What the variable project offers: the busiest first.
SELECT toString(project) AS value
FROM service_1h
WHERE
    hour > $__fromTime - INTERVAL 1 HOUR AND hour < $__toTime
GROUP BY value
ORDER BY sum(spans) DESC, value
LIMIT 200
