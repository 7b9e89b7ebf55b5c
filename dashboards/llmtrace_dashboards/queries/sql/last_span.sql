-- When the newest span was, whatever the filters; zero spans on a fresh install.
SELECT count() AS spans, toUnixTimestamp64Milli(max(timestamp)) AS newest_ms
FROM spans
WHERE
-- include: _in_range
LIMIT 1
