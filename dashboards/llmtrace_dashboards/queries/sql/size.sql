-- How many spans the filters match, to the hour, and so whether they are few enough to be read one by one.
SELECT sum(span_1h.spans) AS spans
-- include: _hours
LIMIT 1
