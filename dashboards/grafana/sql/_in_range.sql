$__timeFilter_ms(timestamp)
-- include: filters
