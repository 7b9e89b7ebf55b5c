-- Attempts to deliver, newest first.
SELECT
    timestamp AS "Time",
    toString(outcome) AS "Outcome",
    webhook AS "Receiver",
    attempt AS "Attempt",
    http_status AS "HTTP",
    error AS "Error",
    event_id AS "Event"
FROM alert_deliveries
WHERE
    $__timeFilter_ms(timestamp)
ORDER BY timestamp DESC, event_id, attempt DESC
LIMIT 200
