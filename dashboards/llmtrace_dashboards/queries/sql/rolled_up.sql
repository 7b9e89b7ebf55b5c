-- Whether the rollup by hour has what is in spans: how many of the range, and the newest of each.
SELECT s.spans AS stored, s.newest AS newest_ms, r.spans AS rolled, r.newest AS rolled_newest_ms
FROM
(
    SELECT count() AS spans, toUnixTimestamp64Milli(max(timestamp)) AS newest
    FROM spans
    WHERE
-- include: _in_range
) AS s
CROSS JOIN
(
    SELECT sum(span_1h.spans) AS spans, toUnixTimestamp64Milli(max(span_1h.newest)) AS newest
    FROM span_1h
    WHERE
-- include: _in_hours
) AS r
LIMIT 1
