-- A page of traces that have a matching span in the range; figures are of the whole trace.
WITH matched AS
(
    SELECT trace_id, toUnixTimestamp64Nano(max(timestamp)) AS newest_ns
    FROM spans
    WHERE
-- include: _in_range
-- include: _filters
    GROUP BY trace_id
    HAVING ({before_ns:Int64} = 0) OR (newest_ns, trace_id) < ({before_ns:Int64}, {before_id:String})
    ORDER BY newest_ns DESC, trace_id DESC
    LIMIT if({sort:String} = 'newest', {limit:UInt32}, 1000000000)
),
whole AS
(
    SELECT
        traces.trace_id AS trace_id,
        toUnixTimestamp64Nano(min(first_at)) AS start_ns,
        toUnixTimestamp64Nano(max(end_at)) - start_ns AS length_ns,
        max(root_name) AS root,
        max(root_service) AS service,
        sum(traces.spans) AS spans,
        sum(traces.calls) AS calls,
        if(sum(tokens_reported) = 0, NULL, sum(traces.input_tokens)) AS input_tokens,
        if(sum(tokens_reported) = 0, NULL, sum(traces.output_tokens)) AS output_tokens,
        if(sum(priced) = 0, NULL, sum(traces.cost_usd)) AS cost_usd,
        sum(traces.unpriced) AS unpriced,
        sum(traces.errors) AS errors,
        max(user_id) AS user,
        arraySlice(arraySort(groupUniqArrayArray(traces.models)), 1, 5) AS models
    FROM traces
    WHERE
        hour >= toStartOfHour(fromUnixTimestamp64Milli({start_ms:Int64} - 86400000, 'UTC'))
        AND hour < fromUnixTimestamp64Milli({end_ms:Int64} + 86400000, 'UTC')
        AND ({project:String} = '' OR project = {project:String})
        AND traces.trace_id IN (SELECT trace_id FROM matched)
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
