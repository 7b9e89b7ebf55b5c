-- The same as unfolded_deep.sql, of a table with a column for each field (column_types.flat_columns). Each ARRAY JOIN
-- takes one level of lists away: resources, scopes, spans.
SELECT
    project,
    received_ns,
    multiIf(
        length(span_trace_id) != 16 OR span_trace_id = unhex(repeat('00', 16)), 'trace_id is not 16 bytes other than zero',
        length(span_span_id) != 8 OR span_span_id = unhex(repeat('00', 8)), 'span_id is not 8 bytes other than zero',
        start_ns > received_ns + toUInt64(86400000000000), 'start is more than a day ahead of its receipt',
        start_ns + toUInt64(7776000000000000) < received_ns, 'start is more than 90 days before its receipt',
        end_ns > start_ns + toUInt64(2592000000000000), 'it lasts more than 30 days',
        '') AS told_fault,
    'routed' AS fault,
    'plain' AS route,
    scope_name,
    lower(hex(span_trace_id)) AS trace_id,
    lower(hex(span_span_id)) AS span_id,
    lower(hex(span_parent_span_id)) AS parent_span_id,
    span_trace_state AS trace_state,
    span_name AS name,
    span_kind AS kind,
    span_start_time_unix_nano AS start_ns,
    span_end_time_unix_nano AS end_ns,
    span_status_code AS status_code,
    span_status_message AS status_message,
    {marked_map:resource} AS resource_attributes,
    {marked_span_map:span_attributes} AS attributes,
    span_events_time_unix_nano AS `events.time_ns`,
    span_events_name AS `events.name`,
    arrayMap(e -> {marked_map:e}, span_events_attributes) AS `events.attributes`,
    arrayMap(id -> lower(hex(id)), span_links_trace_id) AS `links.trace_id`,
    arrayMap(id -> lower(hex(id)), span_links_span_id) AS `links.span_id`,
    arrayMap(l -> {marked_map:l}, span_links_attributes) AS `links.attributes`
FROM {source}
{joined_spans}
