-- Logs: every record in a plain table, and from it what GenAI sends as events: scores, feedback, content.
--
--   otlp_logs --logs_unfold_mv--> otlp_log_records --+--> log_records_mv      --> log_records
--    (Null)                           (Null)         +--> scores_mv           --> scores          gen_ai.evaluation.result
--                                                    +--> feedback_mv         --> feedback        llmtrace.feedback, ...
--                                                    +--> log_content_mv      --> span_content    ...operation.details
--                                                    +--> logs_quarantine_mv  --> logs_quarantine
--
-- As for spans, the nested types are touched in one view alone. Message bodies are in span_content and nowhere else, so
-- that they go with its shorter life.

-- name: otlp_logs
CREATE TABLE IF NOT EXISTS otlp_logs
(
    project     String,
    received_ns UInt64,
    request     Tuple(resource_logs Array({resource_logs_type}))
)
ENGINE = Null;

-- name: otlp_logs_check
CREATE TABLE IF NOT EXISTS otlp_logs_check AS otlp_logs ENGINE = Null;

-- name: otlp_log_records
-- One row per record as it came, in simple types. `fault` names what cannot be true of it.
CREATE TABLE IF NOT EXISTS otlp_log_records
(
    project             String,
    received_ns         UInt64,
    fault               String,
    scope_name          String,
    trace_id            String,
    span_id             String,
    flags               UInt32,
    time_ns             UInt64,
    observed_ns         UInt64,
    severity_number     Int32,
    severity_text       String,
    event_name          String,
    body                String,
    resource_attributes Map(LowCardinality(String), String),
    attributes          Map(LowCardinality(String), String)
)
ENGINE = Null;

-- name: log_records
CREATE TABLE IF NOT EXISTS log_records
(
    project             LowCardinality(String),
    timestamp           DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'when it happened, else when it was observed, else received',
    trace_id            String CODEC(ZSTD(1)) COMMENT 'empty: outside of any span',
    span_id             String CODEC(ZSTD(1)),
    severity_number     UInt8 COMMENT '1 to 24 by OpenTelemetry; 0: not told',
    severity_text       LowCardinality(String),
    event_name          LowCardinality(String) COMMENT 'empty: an ordinary log record',
    service_name        LowCardinality(String),
    environment         LowCardinality(String),
    scope_name          LowCardinality(String),
    body                String CODEC(ZSTD(1)) COMMENT 'text as it is, everything else as JSON',
    attributes          Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    received_at         DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toMonday(timestamp)
ORDER BY (project, toStartOfHour(timestamp), event_name, service_name, timestamp)
TTL toDateTime(timestamp) + INTERVAL 90 DAY
SETTINGS {durable_dedup};

-- name: scores
-- What an evaluator found, one row a score.
CREATE TABLE IF NOT EXISTS scores
(
    project      LowCardinality(String),
    timestamp    DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    trace_id     String CODEC(ZSTD(1)) COMMENT 'of the call that was judged; empty: see response_id',
    span_id      String CODEC(ZSTD(1)),
    response_id  String CODEC(ZSTD(1)),
    name         LowCardinality(String) COMMENT 'of what was judged: relevance, groundedness, ...',
    value        Nullable(Float64) COMMENT 'NULL: a label only, or not a finite number',
    label        LowCardinality(String) COMMENT 'pass, fail, relevant, ...',
    explanation  String CODEC(ZSTD(1)),
    error_type   LowCardinality(String) COMMENT 'the evaluator itself failed',
    service_name LowCardinality(String),
    environment  LowCardinality(String),
    attributes   Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    received_at  DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toMonday(timestamp)
ORDER BY (project, name, timestamp)
TTL toDateTime(timestamp) + INTERVAL 400 DAY
SETTINGS {durable_dedup};

-- name: feedback
-- What a person said of an answer, one row a statement.
CREATE TABLE IF NOT EXISTS feedback
(
    project      LowCardinality(String),
    timestamp    DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    trace_id     String CODEC(ZSTD(1)) COMMENT 'of the call it is about; empty: see response_id',
    span_id      String CODEC(ZSTD(1)),
    response_id  String CODEC(ZSTD(1)),
    user_id      String CODEC(ZSTD(1)),
    session_id   String CODEC(ZSTD(1)),
    name         LowCardinality(String) COMMENT 'what was asked: thumb, helpfulness, ...',
    value        Nullable(Float64) COMMENT 'the number given; NULL: none',
    label        LowCardinality(String) COMMENT 'the word given: up, down, ...',
    comment      String CODEC(ZSTD(1)),
    correction   String CODEC(ZSTD(1)) COMMENT 'what the answer should have been',
    service_name LowCardinality(String),
    environment  LowCardinality(String),
    attributes   Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    received_at  DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toMonday(timestamp)
ORDER BY (project, name, timestamp)
TTL toDateTime(timestamp) + INTERVAL 400 DAY
SETTINGS {durable_dedup};

-- name: logs_quarantine
-- Records whose ids or times cannot be true: kept as they came, with the reason.
CREATE TABLE IF NOT EXISTS logs_quarantine
(
    project     LowCardinality(String),
    received_at DateTime64(9, 'UTC'),
    reason      LowCardinality(String),
    trace_id    String,
    span_id     String,
    time_ns     UInt64,
    observed_ns UInt64,
    event_name  String,
    body        String,
    attributes  Map(LowCardinality(String), String)
)
ENGINE = MergeTree
PARTITION BY toMonday(received_at)
ORDER BY (project, received_at)
TTL toDateTime(received_at) + INTERVAL 30 DAY
SETTINGS {durable_dedup};

-- name: logs_unfold_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS logs_unfold_mv TO otlp_log_records AS
WITH
    resources AS (SELECT project, received_ns, arrayJoin(request.resource_logs) AS r FROM otlp_logs),
    scopes AS (SELECT project, received_ns, {map:r.resource.attributes} AS resource_attributes, arrayJoin(r.scope_logs) AS ss FROM resources),
    flat AS (SELECT project, received_ns, resource_attributes, ss.scope.name AS scope_name, arrayJoin(ss.log_records) AS l FROM scopes)
SELECT
    project,
    received_ns,
    multiIf(
        length(l.trace_id) NOT IN (0, 16), 'trace_id is neither empty nor 16 bytes',
        length(l.span_id) NOT IN (0, 8), 'span_id is neither empty nor 8 bytes',
        time_ns > received_ns + toUInt64(86400000000000), 'its time is more than a day ahead of its receipt',
        time_ns + toUInt64(7776000000000000) < received_ns, 'its time is more than 90 days before its receipt',
        '') AS fault,
    scope_name,
    if(l.trace_id = unhex(repeat('00', 16)), '', lower(hex(l.trace_id))) AS trace_id,
    if(l.span_id = unhex(repeat('00', 8)), '', lower(hex(l.span_id))) AS span_id,
    l.flags AS flags,
    multiIf(l.time_unix_nano > 0, l.time_unix_nano, l.observed_time_unix_nano > 0, l.observed_time_unix_nano, received_ns) AS time_ns,
    l.observed_time_unix_nano AS observed_ns,
    l.severity_number AS severity_number,
    l.severity_text AS severity_text,
    if(l.event_name != '', l.event_name, attributes['event.name']) AS event_name,
    {text:l.body} AS body,
    resource_attributes,
    {span_map:tupleElement(l, 'attributes')} AS attributes
FROM flat;

-- name: log_records_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS log_records_mv TO log_records AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(time_ns), 'UTC') AS timestamp,
    trace_id,
    span_id,
    toUInt8(if(r.severity_number BETWEEN 0 AND 24, r.severity_number, 0)) AS severity_number,
    severity_text,
    event_name,
    resource_attributes['service.name'] AS service_name,
    if(resource_attributes['deployment.environment.name'] != '', resource_attributes['deployment.environment.name'], resource_attributes['deployment.environment']) AS environment,
    scope_name,
    if(r.event_name IN ('gen_ai.system.message', 'gen_ai.user.message', 'gen_ai.assistant.message', 'gen_ai.tool.message', 'gen_ai.choice') AND r.trace_id != '', '', r.body) AS body,
    mapFilter((k, v) -> r.trace_id = '' OR k NOT IN ('gen_ai.system_instructions', 'gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.tool.definitions'), r.attributes) AS attributes,
    resource_attributes,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at
FROM (SELECT * FROM otlp_log_records WHERE fault = '') AS r;

-- name: scores_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS scores_mv TO scores AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(time_ns), 'UTC') AS timestamp,
    trace_id,
    span_id,
    a['gen_ai.response.id'] AS response_id,
    a['gen_ai.evaluation.name'] AS name,
    if(isFinite(ifNull(toFloat64OrNull(a['gen_ai.evaluation.score.value']) AS number, nan)), number, NULL) AS value,
    a['gen_ai.evaluation.score.label'] AS label,
    a['gen_ai.evaluation.explanation'] AS explanation,
    a['error.type'] AS error_type,
    resource_attributes['service.name'] AS service_name,
    if(resource_attributes['deployment.environment.name'] != '', resource_attributes['deployment.environment.name'], resource_attributes['deployment.environment']) AS environment,
    mapFilter((k, v) -> k NOT IN ('gen_ai.response.id', 'gen_ai.evaluation.name', 'gen_ai.evaluation.score.value', 'gen_ai.evaluation.score.label', 'gen_ai.evaluation.explanation', 'error.type', 'event.name'), a) AS attributes,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at
FROM (SELECT *, attributes AS a FROM otlp_log_records WHERE fault = '' AND event_name = 'gen_ai.evaluation.result') AS r;

-- name: feedback_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS feedback_mv TO feedback AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(time_ns), 'UTC') AS timestamp,
    trace_id,
    span_id,
    a['gen_ai.response.id'] AS response_id,
    a['user.id'] AS user_id,
    if(a['session.id'] != '', a['session.id'], a['gen_ai.conversation.id']) AS session_id,
    a['llmtrace.feedback.name'] AS name,
    if(isFinite(ifNull(toFloat64OrNull(a['llmtrace.feedback.value']) AS number, nan)), number, NULL) AS value,
    a['llmtrace.feedback.label'] AS label,
    a['llmtrace.feedback.comment'] AS comment,
    a['llmtrace.feedback.correction'] AS correction,
    resource_attributes['service.name'] AS service_name,
    if(resource_attributes['deployment.environment.name'] != '', resource_attributes['deployment.environment.name'], resource_attributes['deployment.environment']) AS environment,
    mapFilter((k, v) -> k NOT IN ('gen_ai.response.id', 'user.id', 'session.id', 'llmtrace.feedback.name', 'llmtrace.feedback.value', 'llmtrace.feedback.label', 'llmtrace.feedback.comment', 'llmtrace.feedback.correction', 'event.name'), a) AS attributes,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at
FROM (SELECT *, attributes AS a FROM otlp_log_records WHERE fault = '' AND event_name = 'llmtrace.feedback') AS r;

-- name: log_content_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS log_content_mv TO span_content AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(time_ns), 'UTC') AS timestamp,
    trace_id,
    span_id,
    attributes['gen_ai.system_instructions'] AS system_instructions,
    attributes['gen_ai.input.messages'] AS input_messages,
    attributes['gen_ai.output.messages'] AS output_messages,
    attributes['gen_ai.tool.definitions'] AS tool_definitions
FROM otlp_log_records
WHERE fault = '' AND trace_id != '' AND arrayExists(k -> k IN ('gen_ai.system_instructions', 'gen_ai.input.messages', 'gen_ai.output.messages', 'gen_ai.tool.definitions'), mapKeys(attributes));

-- name: log_messages_mv
-- Events of one message each, as the conventions had them before: those of a span that come together are one row, in
-- the form they have today.
CREATE MATERIALIZED VIEW IF NOT EXISTS log_messages_mv TO span_content AS
WITH
    said AS
    (
        SELECT
            *,
            event_name = 'gen_ai.choice' AS is_answer,
            if(is_answer AND JSONHas(body, 'message'), JSONExtractRaw(body, 'message'), body) AS m,
            transform(event_name, ['gen_ai.system.message', 'gen_ai.user.message', 'gen_ai.tool.message'], ['system', 'user', 'tool'], 'assistant') AS usual_role,
            if(JSONExtractString(m, 'role') != '', JSONExtractString(m, 'role'), usual_role) AS role,
            JSONExtractRaw(m, 'content') AS content,
            arrayMap(
                c -> concat('{"type":"tool_call","id":', toJSONString(JSONExtractString(c, 'id')), ',"name":', toJSONString(JSONExtractString(c, 'function', 'name')), ',"arguments":', if(JSONHas(c, 'function', 'arguments'), JSONExtractRaw(c, 'function', 'arguments'), 'null'), '}'),
                JSONExtractArrayRaw(m, 'tool_calls')) AS tool_calls,
            multiIf(
                content = '' OR content = 'null', [],
                usual_role = 'tool', [concat('{"type":"tool_call_response","id":', toJSONString(JSONExtractString(m, 'id')), ',"response":', content, '}')],
                [concat('{"type":"text","content":', content, '}')]) AS texts,
            concat('{"role":', toJSONString(role), ',"parts":[', arrayStringConcat(arrayConcat(texts, tool_calls), ','), ']',
                if(is_answer AND JSONHas(body, 'finish_reason'), concat(',"finish_reason":', JSONExtractRaw(body, 'finish_reason')), ''), '}') AS message
        FROM otlp_log_records
        WHERE fault = '' AND trace_id != ''
            AND event_name IN ('gen_ai.system.message', 'gen_ai.user.message', 'gen_ai.assistant.message', 'gen_ai.tool.message', 'gen_ai.choice')
    ),
    by_span AS
    (
        SELECT
            project,
            trace_id,
            span_id,
            max(time_ns) AS last_ns,
            arraySort(x -> x.1, groupArrayIf((time_ns, message), NOT is_answer)) AS asked,
            arraySort(x -> x.1, groupArrayIf((time_ns, message), is_answer)) AS answered
        FROM said
        GROUP BY project, trace_id, span_id
    )
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(last_ns), 'UTC') AS timestamp,
    trace_id,
    span_id,
    '' AS system_instructions,
    if(empty(asked), '', concat('[', arrayStringConcat(arrayMap(x -> x.2, asked), ','), ']')) AS input_messages,
    if(empty(answered), '', concat('[', arrayStringConcat(arrayMap(x -> x.2, answered), ','), ']')) AS output_messages,
    '' AS tool_definitions
FROM by_span;

-- name: logs_quarantine_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS logs_quarantine_mv TO logs_quarantine AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at,
    fault AS reason,
    trace_id,
    span_id,
    time_ns,
    observed_ns,
    event_name,
    body,
    attributes
FROM otlp_log_records
WHERE fault != '';
