-- Spans of the range that arrived after the page was drawn.
SELECT count() AS spans
FROM spans
WHERE
-- include: _in_range
        AND received_at > fromUnixTimestamp64Milli({drawn_ms:Int64}, 'UTC')
-- include: _filters
LIMIT 1
