$__timeFilter_ms(timestamp) AND dateDiff('hour', $__fromTime, $__toTime) <= 48
-- include: filters
