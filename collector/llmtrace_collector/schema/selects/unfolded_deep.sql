-- The same as unfolded.sql, with marks in values that are deeper than SQL unfolds them (otlp.marked_map).
WITH
    resources AS (SELECT project, received_ns, arrayJoin(request.resource_spans) AS r FROM {source}),
    scopes AS (SELECT project, received_ns, {marked_map:r.resource.attributes} AS resource_attributes, arrayJoin(r.scope_spans) AS ss FROM resources),
    flat AS (SELECT project, received_ns, resource_attributes, ss.scope.name AS scope_name, arrayJoin(ss.spans) AS s FROM scopes)
SELECT
    project,
    received_ns,
    multiIf(
        length(s.trace_id) != 16 OR s.trace_id = unhex(repeat('00', 16)), 'trace_id is not 16 bytes other than zero',
        length(s.span_id) != 8 OR s.span_id = unhex(repeat('00', 8)), 'span_id is not 8 bytes other than zero',
        start_ns > received_ns + toUInt64(86400000000000), 'start is more than a day ahead of its receipt',
        start_ns + toUInt64(7776000000000000) < received_ns, 'start is more than 90 days before its receipt',
        end_ns > start_ns + toUInt64(2592000000000000), 'it lasts more than 30 days',
        '') AS told_fault,
    'routed' AS fault,
    'plain' AS route,
    scope_name,
    lower(hex(s.trace_id)) AS trace_id,
    lower(hex(s.span_id)) AS span_id,
    lower(hex(s.parent_span_id)) AS parent_span_id,
    s.trace_state AS trace_state,
    s.name AS name,
    s.kind AS kind,
    s.start_time_unix_nano AS start_ns,
    s.end_time_unix_nano AS end_ns,
    s.status.code AS status_code,
    s.status.message AS status_message,
    resource_attributes,
    {marked_span_map:tupleElement(s, 'attributes')} AS attributes,
    arrayMap(e -> e.time_unix_nano, s.events) AS `events.time_ns`,
    arrayMap(e -> e.name, s.events) AS `events.name`,
    arrayMap(e -> {marked_map:e.attributes}, s.events) AS `events.attributes`,
    arrayMap(l -> lower(hex(l.trace_id)), s.links) AS `links.trace_id`,
    arrayMap(l -> lower(hex(l.span_id)), s.links) AS `links.span_id`,
    arrayMap(l -> {marked_map:l.attributes}, s.links) AS `links.attributes`
FROM flat
