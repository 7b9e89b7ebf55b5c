-- Batches that were begun and are not done.
SELECT batch, hour, any(reason) AS reason, any(changed_by) AS changed_by, any(book) AS book,
    dateDiff('second', min(at), now64(6)) AS age_s
FROM cost_batches
WHERE at > now64(6) - INTERVAL 30 DAY
GROUP BY batch, hour
HAVING countIf(state = 'done') = 0
ORDER BY min(at)
