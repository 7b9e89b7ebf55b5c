-- What was received in the range and is in no figure, by reason.
SELECT signal, reason, sum(one) AS items
FROM
(
    SELECT 'spans' AS signal, toString(q.reason) AS reason, 1 AS one, q.received_at AS received_at FROM spans_quarantine AS q
    UNION ALL
    SELECT 'log records' AS signal, toString(q.reason) AS reason, 1 AS one, q.received_at AS received_at FROM logs_quarantine AS q
    UNION ALL
    SELECT 'metric points' AS signal, toString(q.reason) AS reason, 1 AS one, q.received_at AS received_at FROM metrics_quarantine AS q
)
WHERE
        received_at >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')
        AND received_at < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')
GROUP BY signal, reason
ORDER BY items DESC, signal, reason
LIMIT 50
