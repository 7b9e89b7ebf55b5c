-- When a trace was, for a link that carries its id and no time; the bloom filter on trace_id makes this cheap.
SELECT count() AS spans, toUnixTimestamp64Milli(min(timestamp)) AS first_ms, toUnixTimestamp64Milli(max(timestamp)) AS last_ms
FROM spans
WHERE
-- include: _in_range
        AND trace_id = {trace_id:String}
LIMIT 1
