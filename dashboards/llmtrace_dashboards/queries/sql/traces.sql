-- A page of traces that have a matching span in the range; figures are of the whole trace, up to a day around it.
WITH matched AS
(
    SELECT trace_id, toUnixTimestamp64Nano(max(timestamp)) AS newest_ns
    FROM spans
    WHERE
-- include: _in_range
-- include: _filters
    GROUP BY trace_id
    HAVING ({before_ns:Int64} = 0) OR (newest_ns, trace_id) < ({before_ns:Int64}, {before_id:String})
),
whole AS
(
    SELECT
        spans.trace_id AS trace_id,
        toUnixTimestamp64Nano(min(timestamp)) AS start_ns,
        max(toUnixTimestamp64Nano(timestamp) + toInt64(duration_ns)) - start_ns AS length_ns,
        if(countIf(parent_span_id = '') > 0, argMinIf(name, timestamp, parent_span_id = ''), argMin(name, timestamp)) AS root,
        if(countIf(parent_span_id = '') > 0, argMinIf(service_name, timestamp, parent_span_id = ''), argMin(service_name, timestamp)) AS service,
        count() AS spans,
        countIf(is_call) AS calls,
        sum(if(is_call, spans.input_tokens, NULL)) AS input_tokens,
        sum(if(is_call, spans.output_tokens, NULL)) AS output_tokens,
        sum(if(is_call, spans.cost_usd, NULL)) AS cost_usd,
        countIf(is_call AND status_code != 'ERROR' AND isNull(spans.cost_usd)) AS unpriced,
        countIf(status_code = 'ERROR') AS errors,
        anyIf(user_id, user_id != '') AS user,
        arraySort(groupUniqArrayIf(5)(toString(model), model != '')) AS models
    FROM spans
    WHERE
        timestamp >= fromUnixTimestamp64Milli({start_ms:Int64} - 86400000, 'UTC')
        AND timestamp < fromUnixTimestamp64Milli({end_ms:Int64} + 86400000, 'UTC')
        AND ({project:String} = '' OR project = {project:String})
        AND spans.trace_id IN (SELECT trace_id FROM matched)
    GROUP BY trace_id
)
SELECT whole.*, matched.newest_ns AS newest_ns
FROM whole
INNER JOIN matched ON matched.trace_id = whole.trace_id
ORDER BY
    multiIf({sort:String} = 'slowest', toFloat64(length_ns), {sort:String} = 'dearest', toFloat64(ifNull(whole.cost_usd, -1)), 0) DESC,
    newest_ns DESC,
    trace_id DESC
LIMIT {limit:UInt32}
