-- A page of the spans that match in the range, each with the cost that was found out last.
WITH found AS
(
    SELECT
        project, trace_id, span_id, toUnixTimestamp64Nano(timestamp) AS start_ns, duration_ns, toString(name) AS name,
        toString(service_name) AS service, toString(status_code) AS status, toString(error_type) AS error_type, is_call,
        toString(model) AS model, input_tokens, output_tokens, spans.cost_usd AS told_usd, user_id AS user
    FROM spans
    WHERE
-- include: _in_range
-- include: _filters
        AND ({before_ns:Int64} = 0 OR (toUnixTimestamp64Nano(timestamp), span_id) < ({before_ns:Int64}, {before_id:String}))
    ORDER BY
        multiIf({sort:String} = 'slowest', toFloat64(duration_ns), {sort:String} = 'dearest', toFloat64(ifNull(spans.cost_usd, -1)), 0) DESC,
        timestamp DESC,
        span_id DESC
    LIMIT {limit:UInt32}
)
SELECT found.*, if(changes > 0, later_usd, told_usd) AS cost_usd
FROM found
LEFT JOIN
(
    SELECT project, trace_id, span_id, count() AS changes, toNullable(argMax(new_cost_usd, changed_at)) AS later_usd
    FROM cost_adjustments
    WHERE
-- include: _in_range
        AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM found)
    GROUP BY project, trace_id, span_id
) AS later USING (project, trace_id, span_id)
ORDER BY
    multiIf({sort:String} = 'slowest', toFloat64(duration_ns), {sort:String} = 'dearest', toFloat64(ifNull(told_usd, -1)), 0) DESC,
    start_ns DESC,
    span_id DESC
LIMIT {limit:UInt32}
