-- A row of `spans_quarantine` from one that is understood.
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at,
    fault AS reason,
    trace_id,
    span_id,
    name,
    start_ns,
    end_ns,
    attributes
FROM {source}
WHERE fault != '' AND route = ''
