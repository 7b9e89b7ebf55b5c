-- How much the filters match, in traces, calls and money.
SELECT
    uniqExact(trace_id) AS traces,
    count() AS spans,
    countIf(is_call) AS calls,
    toUInt64(round(sumIf(sampling_weight, is_call))) AS calls_made,
    countIf(is_call AND status_code = 'ERROR') AS errors,
    countIf(is_call AND status_code != 'ERROR' AND isNull(spans.cost_usd)) AS unpriced,
    sum(if(is_call, spans.cost_usd, NULL)) AS cost_usd
FROM spans
WHERE
-- include: _in_range
-- include: _filters
LIMIT 1
