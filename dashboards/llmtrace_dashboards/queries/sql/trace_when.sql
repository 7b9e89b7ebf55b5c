-- When a trace was, for a link that carries its id and no time.
SELECT sum(traces.spans) AS spans, toUnixTimestamp64Milli(min(first_at)) AS first_ms, toUnixTimestamp64Milli(max(last_at)) AS last_ms
FROM traces
WHERE
-- include: _in_hours
        AND trace_id = {trace_id:String}
LIMIT 1
