FROM span_1h
WHERE
-- include: _in_hours
-- include: _hours_filters
