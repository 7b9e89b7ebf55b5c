-- How much the filters match, in traces, calls and money, with what was found out of costs later.
WITH
(
    SELECT (countIf(isNull(old_cost_usd) AND NOT failed), count(), sum(new_cost_usd - ifNull(old_cost_usd, toDecimal128(0, 12))))
    FROM cost_adjustments
    WHERE
-- include: _in_range
-- include: _later_filters
-- include: _later_terms
) AS later,
    countIf(is_call AND status_code != 'ERROR' AND isNull(spans.cost_usd)) AS untold,
    sum(if(is_call, spans.cost_usd, NULL)) AS told_usd
SELECT
    uniqExact(trace_id) AS traces,
    count() AS spans,
    countIf(is_call) AS calls,
    toUInt64(round(sumIf(sampling_weight, is_call))) AS calls_made,
    countIf(is_call AND status_code = 'ERROR') AS errors,
    untold - least(untold, later.1) AS unpriced,
    if(later.2 = 0, told_usd, ifNull(told_usd, 0) + later.3) AS cost_usd
FROM spans
WHERE
-- include: _in_range
-- include: _filters
LIMIT 1
