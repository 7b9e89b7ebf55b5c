-- Attempts to deliver, by interval and outcome.
SELECT $__timeInterval(timestamp) AS time, toString(outcome) AS outcome, count() AS "Attempts"
FROM alert_deliveries
WHERE
    $__timeFilter_ms(timestamp)
GROUP BY time, outcome
ORDER BY time, outcome
LIMIT 10000
