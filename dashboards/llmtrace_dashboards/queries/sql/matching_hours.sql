-- The same as matching from the rollup by hour; how many traces it is in is not known there.
SELECT
    NULL AS traces,
    sum(span_1h.spans) AS spans,
    sumIf(span_1h.spans, is_call) AS calls,
    sumIf(span_1h.spans, is_call) + toUInt64(round(sumIf(unsampled_spans, is_call))) AS calls_made,
    sumIf(span_1h.spans, is_call AND failed) AS errors,
    sum(span_1h.unpriced) AS unpriced,
    if(calls = errors + unpriced AND sum(span_1h.cost_usd) = 0, NULL, sum(span_1h.cost_usd)) AS cost_usd
-- include: _hours
LIMIT 1
