    now_calls - before_calls AS more_calls,
    now_errors - before_errors AS more_errors,
    ifNull(now_usd, 0) - ifNull(before_usd, 0) AS more_usd,
    ifNull(abs(more_calls) / nullIf(sum(abs(more_calls)) OVER (), 0), 0) AS of_calls,
    ifNull(abs(more_errors) / nullIf(sum(abs(more_errors)) OVER (), 0), 0) AS of_errors,
    ifNull(toFloat64(abs(more_usd)) / nullIf(toFloat64(sum(abs(more_usd)) OVER ()), 0), 0) AS of_usd,
    sum(more_calls) OVER () AS all_more_calls,
    sum(more_errors) OVER () AS all_more_errors,
    sum(more_usd) OVER () AS all_more_usd
