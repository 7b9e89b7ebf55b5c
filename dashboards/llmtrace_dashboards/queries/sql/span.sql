-- All of one span but its messages, with the cost that was found out last.
SELECT
    toString(project) AS project, trace_id, span_id, parent_span_id, toString(name) AS name, toString(kind) AS kind,
    toString(service_name) AS service, toString(environment) AS environment,
    toUnixTimestamp64Nano(timestamp) AS start_ns, duration_ns, time_to_first_token_ns,
    toString(status_code) AS status, status_message, toString(error_type) AS error_type,
    is_call, toString(operation) AS operation, toString(provider) AS provider, toString(feature) AS feature,
    toString(request_model) AS request_model, toString(response_model) AS response_model, toString(model) AS model,
    finish_reasons, stream, input_tokens, output_tokens, cached_input_tokens, reasoning_output_tokens,
    if(changes > 0, later_usd, spans.cost_usd) AS cost_usd,
    user_id, session_id, input_preview, output_preview, attributes, resource_attributes,
    arrayMap(t -> toUnixTimestamp64Nano(t), events.timestamp) AS event_ns, events.name AS event_names, events.attributes AS event_attributes
FROM spans
LEFT JOIN
(
    SELECT project, trace_id, span_id, count() AS changes, toNullable(argMax(new_cost_usd, changed_at)) AS later_usd
    FROM cost_adjustments
    WHERE
-- include: _in_range
        AND trace_id = {trace_id:String}
        AND span_id = {span_id:String}
    GROUP BY project, trace_id, span_id
) AS later USING (project, trace_id, span_id)
WHERE
-- include: _in_range
        AND trace_id = {trace_id:String}
        AND span_id = {span_id:String}
LIMIT 1
