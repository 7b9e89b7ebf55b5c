-- When the newest span was, whatever the filters; zero spans on a fresh install.
SELECT sum(span_1h.spans) AS spans, toUnixTimestamp64Milli(max(span_1h.newest)) AS newest_ms
FROM span_1h
WHERE
-- include: _in_hours
LIMIT 1
