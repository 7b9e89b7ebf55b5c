-- What is drawn of the spans of one trace, each with the cost that was found out last.
SELECT
    span_id, parent_span_id, toString(name) AS name, toUnixTimestamp64Nano(timestamp) AS start_ns, duration_ns,
    time_to_first_token_ns, toString(service_name) AS service, toString(status_code) AS status, is_call,
    input_tokens, output_tokens, cached_input_tokens, if(changes > 0, later_usd, spans.cost_usd) AS cost_usd, user_id,
    attributes[{retries:String}] AS retries, attributes[{verdict:String}] AS verdict, attributes[{origin:String}] AS origin
FROM spans
LEFT JOIN
(
    SELECT project, trace_id, span_id, count() AS changes, toNullable(argMax(new_cost_usd, changed_at)) AS later_usd
    FROM cost_adjustments
    WHERE
-- include: _in_range
        AND trace_id = {trace_id:String}
    GROUP BY project, trace_id, span_id
) AS later USING (project, trace_id, span_id)
WHERE
-- include: _in_range
        AND trace_id = {trace_id:String}
ORDER BY timestamp, span_id
LIMIT {limit:UInt32}
