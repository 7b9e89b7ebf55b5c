-- Landing, spans, content and quarantine: one OTLP request body in, rows out.
--
--   otlp_traces --unfold_mv--> otlp_spans --+--> spans_mv      --> spans --> (0002: spend_1m)
--     (Null)                     (Null)     +--> content_mv    --> span_content
--                                           +--> quarantine_mv --> spans_quarantine
--
-- The nested OTLP types are touched in unfold_mv alone: analysing them costs about 0.1 CPU-seconds an insert, whatever
-- its size. The macros in braces are expanded by schema/otlp.py, which also writes the matching .proto.

-- name: otlp_traces
-- What a WAL segment is inserted into. Null engine: it stores nothing, its view passes on.
CREATE TABLE IF NOT EXISTS otlp_traces
(
    project     String,
    received_ns UInt64,
    request     Tuple(resource_spans Array({resource_spans_type}))
)
ENGINE = Null;

-- name: otlp_traces_check
-- The same columns with no views: a segment is parsed into it to find poison before anything is written.
CREATE TABLE IF NOT EXISTS otlp_traces_check AS otlp_traces ENGINE = Null;

-- name: otlp_spans
-- One row per span as it came, in simple types. `fault` names what cannot be true of it; '' for a sound span.
CREATE TABLE IF NOT EXISTS otlp_spans
(
    project             String,
    received_ns         UInt64,
    fault               String,
    scope_name          String,
    trace_id            String,
    span_id             String,
    parent_span_id      String,
    trace_state         String,
    name                String,
    kind                Int32,
    start_ns            UInt64,
    end_ns              UInt64,
    status_code         Int32,
    status_message      String,
    resource_attributes Map(LowCardinality(String), String),
    attributes          Map(LowCardinality(String), String),
    events              Nested(time_ns UInt64, name LowCardinality(String), attributes Map(LowCardinality(String), String)),
    links               Nested(trace_id String, span_id String, attributes Map(LowCardinality(String), String))
)
ENGINE = Null;

-- name: spans
-- One row per span, lean: typed columns, previews, other attributes as a map. Bodies live in span_content.
-- Partitioned by week; 90 days back and one ahead are accepted, as long as rows are kept, so one insert stays far below
-- the limit of 100 partitions.
CREATE TABLE IF NOT EXISTS spans
(
    project                     LowCardinality(String),
    timestamp                   DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    trace_id                    String CODEC(ZSTD(1)),
    span_id                     String CODEC(ZSTD(1)),
    parent_span_id              String CODEC(ZSTD(1)),
    trace_state                 String CODEC(ZSTD(1)),
    name                        LowCardinality(String),
    kind                        Enum8('UNSPECIFIED' = 0, 'INTERNAL' = 1, 'SERVER' = 2, 'CLIENT' = 3, 'PRODUCER' = 4, 'CONSUMER' = 5),
    service_name                LowCardinality(String),
    environment                 LowCardinality(String),
    scope_name                  LowCardinality(String),
    duration_ns                 UInt64 CODEC(ZSTD(1)),
    status_code                 Enum8('UNSET' = 0, 'OK' = 1, 'ERROR' = 2),
    status_message              String CODEC(ZSTD(1)),
    error_type                  LowCardinality(String),
    is_call                     Bool COMMENT 'a request to a model provider, as opposed to an agent, tool or other span',
    operation                   LowCardinality(String),
    provider                    LowCardinality(String),
    request_model               LowCardinality(String),
    response_model              LowCardinality(String),
    model                       LowCardinality(String) COMMENT 'request_model, else response_model: the name to group by',
    response_id                 String CODEC(ZSTD(1)),
    finish_reasons              Array(LowCardinality(String)),
    stream                      Bool,
    input_tokens                Nullable(UInt64) COMMENT 'as reported by the provider; NULL: not reported',
    output_tokens               Nullable(UInt64),
    cached_input_tokens         Nullable(UInt64) COMMENT 'part of input_tokens',
    cache_creation_input_tokens Nullable(UInt64) COMMENT 'part of input_tokens',
    reasoning_output_tokens     Nullable(UInt64) COMMENT 'part of output_tokens',
    cost_usd                    Nullable(Decimal(38, 12)) COMMENT 'NULL: no price known',
    time_to_first_token_ns      Nullable(UInt64),
    user_id                     String CODEC(ZSTD(1)),
    session_id                  String CODEC(ZSTD(1)),
    input_preview               String CODEC(ZSTD(1)),
    output_preview              String CODEC(ZSTD(1)),
    attributes                  Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_attributes         Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    events                      Nested(timestamp DateTime64(9, 'UTC'), name LowCardinality(String), attributes Map(LowCardinality(String), String)),
    links                       Nested(trace_id String, span_id String, attributes Map(LowCardinality(String), String)),
    received_at                 DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toMonday(timestamp)
ORDER BY (project, toStartOfHour(timestamp), operation, model, timestamp)
TTL toDateTime(timestamp) + INTERVAL 90 DAY
SETTINGS {durable_dedup};

-- name: span_content
-- Message bodies, only where the app chose to capture them; a shorter life than spans.
CREATE TABLE IF NOT EXISTS span_content
(
    project             LowCardinality(String),
    timestamp           DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    trace_id            String CODEC(ZSTD(1)),
    span_id             String CODEC(ZSTD(1)),
    system_instructions String CODEC(ZSTD(3)),
    input_messages      String CODEC(ZSTD(3)),
    output_messages     String CODEC(ZSTD(3)),
    tool_definitions    String CODEC(ZSTD(3))
)
ENGINE = MergeTree
PARTITION BY toMonday(timestamp)
ORDER BY (project, trace_id, span_id)
TTL toDateTime(timestamp) + INTERVAL 30 DAY
SETTINGS {durable_dedup};

-- name: spans_quarantine
-- Spans whose ids or times cannot be true: kept as they came, out of every figure, with the reason.
CREATE TABLE IF NOT EXISTS spans_quarantine
(
    project     LowCardinality(String),
    received_at DateTime64(9, 'UTC'),
    reason      LowCardinality(String),
    trace_id    String,
    span_id     String,
    name        String,
    start_ns    UInt64,
    end_ns      UInt64,
    attributes  Map(LowCardinality(String), String)
)
ENGINE = MergeTree
PARTITION BY toMonday(received_at)
ORDER BY (project, received_at)
TTL toDateTime(received_at) + INTERVAL 30 DAY
SETTINGS {durable_dedup};

-- name: unfold_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS unfold_mv TO otlp_spans AS
WITH
    resources AS (SELECT project, received_ns, arrayJoin(request.resource_spans) AS r FROM otlp_traces),
    scopes AS (SELECT project, received_ns, {map:r.resource.attributes} AS resource_attributes, arrayJoin(r.scope_spans) AS ss FROM resources),
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
        toDecimal128OrZero(attributes['llmtrace.cost.usd'], 12) NOT BETWEEN 0 AND 1000000, 'its cost is not between 0 and 1,000,000 dollars',
        greatest(
            toUInt64OrZero(attributes['gen_ai.usage.input_tokens']),
            toUInt64OrZero(attributes['gen_ai.usage.output_tokens']),
            toUInt64OrZero(attributes['gen_ai.usage.cache_read.input_tokens'])) > 1000000000000, 'it has more than 10^12 tokens',
        '') AS fault,
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
    {span_map:tupleElement(s, 'attributes')} AS attributes,
    arrayMap(e -> e.time_unix_nano, s.events) AS `events.time_ns`,
    arrayMap(e -> e.name, s.events) AS `events.name`,
    arrayMap(e -> {map:e.attributes}, s.events) AS `events.attributes`,
    arrayMap(l -> lower(hex(l.trace_id)), s.links) AS `links.trace_id`,
    arrayMap(l -> lower(hex(l.span_id)), s.links) AS `links.span_id`,
    arrayMap(l -> {map:l.attributes}, s.links) AS `links.attributes`
FROM flat;

-- name: spans_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS spans_mv TO spans AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(start_ns), 'UTC') AS timestamp,
    trace_id,
    span_id,
    parent_span_id,
    trace_state,
    name,
    CAST(if(o.kind BETWEEN 0 AND 5, o.kind, 0), 'Enum8(\'UNSPECIFIED\' = 0, \'INTERNAL\' = 1, \'SERVER\' = 2, \'CLIENT\' = 3, \'PRODUCER\' = 4, \'CONSUMER\' = 5)') AS kind,
    resource_attributes['service.name'] AS service_name,
    if(resource_attributes['deployment.environment.name'] != '', resource_attributes['deployment.environment.name'], resource_attributes['deployment.environment']) AS environment,
    scope_name,
    if(end_ns > start_ns, end_ns - start_ns, 0) AS duration_ns,
    CAST(if(o.status_code BETWEEN 0 AND 2, o.status_code, 0), 'Enum8(\'UNSET\' = 0, \'OK\' = 1, \'ERROR\' = 2)') AS status_code,
    status_message,
    a['error.type'] AS error_type,
    (provider != '') AND (operation NOT IN ('create_agent', 'invoke_agent', 'invoke_workflow', 'execute_tool', 'retrieval', 'plan')) AS is_call,
    a['gen_ai.operation.name'] AS operation,
    a['gen_ai.provider.name'] AS provider,
    a['gen_ai.request.model'] AS request_model,
    a['gen_ai.response.model'] AS response_model,
    if(request_model != '', request_model, response_model) AS model,
    a['gen_ai.response.id'] AS response_id,
    JSONExtract(a['gen_ai.response.finish_reasons'], 'Array(String)') AS finish_reasons,
    a['gen_ai.request.stream'] = 'true' AS stream,
    toUInt64OrNull(a['gen_ai.usage.input_tokens']) AS input_tokens,
    toUInt64OrNull(a['gen_ai.usage.output_tokens']) AS output_tokens,
    toUInt64OrNull(a['gen_ai.usage.cache_read.input_tokens']) AS cached_input_tokens,
    toUInt64OrNull(a['gen_ai.usage.cache_creation.input_tokens']) AS cache_creation_input_tokens,
    toUInt64OrNull(a['gen_ai.usage.reasoning.output_tokens']) AS reasoning_output_tokens,
    toDecimal128OrNull(a['llmtrace.cost.usd'], 12) AS cost_usd,
    toUInt64OrNull(toString(round(1e9 * coalesce(
        toFloat64OrNull(a['llmtrace.response.time_to_first_token']),
        toFloat64OrNull(a['gen_ai.response.time_to_first_chunk']))))) AS time_to_first_token_ns,
    a['user.id'] AS user_id,
    if(a['session.id'] != '', a['session.id'], a['gen_ai.conversation.id']) AS session_id,
    leftUTF8({last_text:a['gen_ai.input.messages']}, 200) AS input_preview,
    leftUTF8({last_text:a['gen_ai.output.messages']}, 200) AS output_preview,
    mapFilter((k, v) -> k NOT IN ('gen_ai.system_instructions', 'gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.tool.definitions'), a) AS attributes,
    resource_attributes,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t), 'UTC'), o.events.time_ns) AS `events.timestamp`,
    o.events.name AS `events.name`,
    o.events.attributes AS `events.attributes`,
    o.links.trace_id AS `links.trace_id`,
    o.links.span_id AS `links.span_id`,
    o.links.attributes AS `links.attributes`,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at
FROM (SELECT *, attributes AS a FROM otlp_spans WHERE fault = '') AS o;

-- name: content_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS content_mv TO span_content AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(start_ns), 'UTC') AS timestamp,
    trace_id,
    span_id,
    attributes['gen_ai.system_instructions'] AS system_instructions,
    attributes['gen_ai.input.messages'] AS input_messages,
    attributes['gen_ai.output.messages'] AS output_messages,
    attributes['gen_ai.tool.definitions'] AS tool_definitions
FROM otlp_spans
WHERE fault = '' AND arrayExists(k -> k IN ('gen_ai.system_instructions', 'gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.tool.definitions'), mapKeys(attributes));

-- name: quarantine_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS quarantine_mv TO spans_quarantine AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at,
    fault AS reason,
    trace_id,
    span_id,
    name,
    start_ns,
    end_ns,
    attributes
FROM otlp_spans
WHERE fault != '';
