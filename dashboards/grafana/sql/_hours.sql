hour > $__fromTime - INTERVAL 1 HOUR AND hour < $__toTime AND dateDiff('hour', $__fromTime, $__toTime) > 48
-- include: filters
