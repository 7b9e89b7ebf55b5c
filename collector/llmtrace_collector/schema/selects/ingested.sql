-- Counts of spans by what became of them, for `ingested`.
SELECT
    project,
    toDate(fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC'), 'UTC') AS day,
    getSetting('log_comment') AS log,
    'traces' AS signal,
    o.fault AS fault,
    count() AS items
FROM {source}
GROUP BY project, day, log, signal, fault
