-- Attempts to tell of these events, newest first.
SELECT
    toUnixTimestamp64Milli(d.timestamp) AS at_ms, d.event_id AS event_id, d.webhook AS webhook, d.attempt AS attempt,
    toString(d.outcome) AS outcome, d.http_status AS http_status, d.error AS error
FROM alert_deliveries AS d
WHERE
-- include: _in_range
        AND d.event_id IN {events:Array(String)}
ORDER BY d.timestamp DESC, event_id, attempt DESC
LIMIT 100
