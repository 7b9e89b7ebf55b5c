-- Attempts to deliver in the range, by receiver, with how the newest one ended.
SELECT
    d.webhook AS webhook, count() AS attempts, countIf(d.outcome = 'delivered') AS delivered, countIf(d.outcome = 'failed') AS failed,
    countIf(d.outcome = 'retry') AS retried, argMax(toString(d.outcome), (d.timestamp, d.attempt)) AS newest
FROM alert_deliveries AS d
WHERE
-- include: _in_range
        AND d.outcome != 'held'
GROUP BY webhook
ORDER BY failed DESC, attempts DESC, webhook
LIMIT 50
