FROM service_1h AS span_1h
WHERE
-- include: _in_hours
-- include: _hours_filters
        AND (empty({services:Array(String)}) OR service_name IN {services:Array(String)})
        AND (empty({environments:Array(String)}) OR environment IN {environments:Array(String)})
