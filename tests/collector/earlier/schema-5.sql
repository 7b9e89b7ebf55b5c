-- The schema as the llmtrace of November 2026 (versions 1 to 5) made it, macros expanded. Never edited: databases like this exist.
-- name: 0001 spans 0
CREATE TABLE IF NOT EXISTS otlp_traces
(
    project     String,
    received_ns UInt64,
    request     Tuple(resource_spans Array(Tuple(resource Tuple(attributes Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))), bytes_value String)))), scope_spans Array(Tuple(scope Tuple(name String, version String), spans Array(Tuple(trace_id String, span_id String, trace_state String, parent_span_id String, name String, kind Int32, start_time_unix_nano UInt64, end_time_unix_nano UInt64, attributes Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))), bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))), bytes_value String)))), bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))), bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))), bytes_value String)))), bytes_value String)))), bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))), bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))), bytes_value String)))), bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))), bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))), bytes_value String)))), bytes_value String)))), bytes_value String)))), bytes_value String))), events Array(Tuple(time_unix_nano UInt64, name String, attributes Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))), bytes_value String))))), links Array(Tuple(trace_id String, span_id String, attributes Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value Tuple(values Array(Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String))), kvlist_value Tuple(values Array(Tuple(key String, value Tuple(value Enum8('none'=0,'string_value'=1,'bool_value'=2,'int_value'=3,'double_value'=4,'array_value'=5,'kvlist_value'=6,'bytes_value'=7), string_value String, bool_value Bool, int_value Int64, double_value Float64, array_value String, kvlist_value String, bytes_value String)))), bytes_value String))))), status Tuple(message String, code Int32))))))))
)
ENGINE = Null;

-- name: 0001 spans 1
CREATE TABLE IF NOT EXISTS otlp_traces_check AS otlp_traces ENGINE = Null;

-- name: 0001 spans 2
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

-- name: 0001 spans 3
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
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- name: 0001 spans 4
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
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- name: 0001 spans 5
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
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- name: 0001 spans 6
CREATE MATERIALIZED VIEW IF NOT EXISTS unfold_mv TO otlp_spans AS
WITH
    resources AS (SELECT project, received_ns, arrayJoin(request.resource_spans) AS r FROM otlp_traces),
    scopes AS (SELECT project, received_ns, CAST(arrayMap(kv->(kv.1,if(kv.2.1='string_value',kv.2.2,multiIf(kv.2.1='string_value',toJSONString(kv.2.2),kv.2.1='bool_value',if(kv.2.3,'true','false'),kv.2.1='int_value',toString(kv.2.4),kv.2.1='double_value',toJSONString(kv.2.5),kv.2.1='bytes_value',toJSONString(base64Encode(kv.2.8)),kv.2.1 IN ('array_value','kvlist_value'),concat(left(if(kv.2.1='array_value','[]','{}'),1),arrayStringConcat(arrayMap(x1->concat(if(kv.2.1='kvlist_value',concat(toJSONString(x1.1),':'),''),multiIf(x1.2.1='string_value',toJSONString(x1.2.2),x1.2.1='bool_value',if(x1.2.3,'true','false'),x1.2.1='int_value',toString(x1.2.4),x1.2.1='double_value',toJSONString(x1.2.5),x1.2.1='bytes_value',toJSONString(base64Encode(x1.2.8)),x1.2.1 IN ('array_value','kvlist_value'),concat('{"$otlp_base64":"',base64Encode(if(x1.2.1='array_value',x1.2.6,x1.2.7)),'"}'),'null')),arrayConcat(arrayMap(y->('',y),kv.2.6.1),kv.2.7.1)),','),right(if(kv.2.1='array_value','[]','{}'),1)),'null'))),r.resource.attributes),'Map(LowCardinality(String), String)') AS resource_attributes, arrayJoin(r.scope_spans) AS ss FROM resources),
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
    CAST(arrayMap(kv->(kv.1,if(kv.2.1='string_value',kv.2.2,multiIf(kv.2.1='string_value',toJSONString(kv.2.2),kv.2.1='bool_value',if(kv.2.3,'true','false'),kv.2.1='int_value',toString(kv.2.4),kv.2.1='double_value',toJSONString(kv.2.5),kv.2.1='bytes_value',toJSONString(base64Encode(kv.2.8)),kv.2.1 IN ('array_value','kvlist_value'),concat(left(if(kv.2.1='array_value','[]','{}'),1),arrayStringConcat(arrayMap(x4->concat(if(kv.2.1='kvlist_value',concat(toJSONString(x4.1),':'),''),multiIf(x4.2.1='string_value',toJSONString(x4.2.2),x4.2.1='bool_value',if(x4.2.3,'true','false'),x4.2.1='int_value',toString(x4.2.4),x4.2.1='double_value',toJSONString(x4.2.5),x4.2.1='bytes_value',toJSONString(base64Encode(x4.2.8)),x4.2.1 IN ('array_value','kvlist_value'),concat(left(if(x4.2.1='array_value','[]','{}'),1),arrayStringConcat(arrayMap(x3->concat(if(x4.2.1='kvlist_value',concat(toJSONString(x3.1),':'),''),multiIf(x3.2.1='string_value',toJSONString(x3.2.2),x3.2.1='bool_value',if(x3.2.3,'true','false'),x3.2.1='int_value',toString(x3.2.4),x3.2.1='double_value',toJSONString(x3.2.5),x3.2.1='bytes_value',toJSONString(base64Encode(x3.2.8)),x3.2.1 IN ('array_value','kvlist_value'),concat(left(if(x3.2.1='array_value','[]','{}'),1),arrayStringConcat(arrayMap(x2->concat(if(x3.2.1='kvlist_value',concat(toJSONString(x2.1),':'),''),multiIf(x2.2.1='string_value',toJSONString(x2.2.2),x2.2.1='bool_value',if(x2.2.3,'true','false'),x2.2.1='int_value',toString(x2.2.4),x2.2.1='double_value',toJSONString(x2.2.5),x2.2.1='bytes_value',toJSONString(base64Encode(x2.2.8)),x2.2.1 IN ('array_value','kvlist_value'),concat(left(if(x2.2.1='array_value','[]','{}'),1),arrayStringConcat(arrayMap(x1->concat(if(x2.2.1='kvlist_value',concat(toJSONString(x1.1),':'),''),multiIf(x1.2.1='string_value',toJSONString(x1.2.2),x1.2.1='bool_value',if(x1.2.3,'true','false'),x1.2.1='int_value',toString(x1.2.4),x1.2.1='double_value',toJSONString(x1.2.5),x1.2.1='bytes_value',toJSONString(base64Encode(x1.2.8)),x1.2.1 IN ('array_value','kvlist_value'),concat('{"$otlp_base64":"',base64Encode(if(x1.2.1='array_value',x1.2.6,x1.2.7)),'"}'),'null')),arrayConcat(arrayMap(y->('',y),x2.2.6.1),x2.2.7.1)),','),right(if(x2.2.1='array_value','[]','{}'),1)),'null')),arrayConcat(arrayMap(y->('',y),x3.2.6.1),x3.2.7.1)),','),right(if(x3.2.1='array_value','[]','{}'),1)),'null')),arrayConcat(arrayMap(y->('',y),x4.2.6.1),x4.2.7.1)),','),right(if(x4.2.1='array_value','[]','{}'),1)),'null')),arrayConcat(arrayMap(y->('',y),kv.2.6.1),kv.2.7.1)),','),right(if(kv.2.1='array_value','[]','{}'),1)),'null'))),tupleElement(s, 'attributes')),'Map(LowCardinality(String), String)') AS attributes,
    arrayMap(e -> e.time_unix_nano, s.events) AS `events.time_ns`,
    arrayMap(e -> e.name, s.events) AS `events.name`,
    arrayMap(e -> CAST(arrayMap(kv->(kv.1,if(kv.2.1='string_value',kv.2.2,multiIf(kv.2.1='string_value',toJSONString(kv.2.2),kv.2.1='bool_value',if(kv.2.3,'true','false'),kv.2.1='int_value',toString(kv.2.4),kv.2.1='double_value',toJSONString(kv.2.5),kv.2.1='bytes_value',toJSONString(base64Encode(kv.2.8)),kv.2.1 IN ('array_value','kvlist_value'),concat(left(if(kv.2.1='array_value','[]','{}'),1),arrayStringConcat(arrayMap(x1->concat(if(kv.2.1='kvlist_value',concat(toJSONString(x1.1),':'),''),multiIf(x1.2.1='string_value',toJSONString(x1.2.2),x1.2.1='bool_value',if(x1.2.3,'true','false'),x1.2.1='int_value',toString(x1.2.4),x1.2.1='double_value',toJSONString(x1.2.5),x1.2.1='bytes_value',toJSONString(base64Encode(x1.2.8)),x1.2.1 IN ('array_value','kvlist_value'),concat('{"$otlp_base64":"',base64Encode(if(x1.2.1='array_value',x1.2.6,x1.2.7)),'"}'),'null')),arrayConcat(arrayMap(y->('',y),kv.2.6.1),kv.2.7.1)),','),right(if(kv.2.1='array_value','[]','{}'),1)),'null'))),e.attributes),'Map(LowCardinality(String), String)'), s.events) AS `events.attributes`,
    arrayMap(l -> lower(hex(l.trace_id)), s.links) AS `links.trace_id`,
    arrayMap(l -> lower(hex(l.span_id)), s.links) AS `links.span_id`,
    arrayMap(l -> CAST(arrayMap(kv->(kv.1,if(kv.2.1='string_value',kv.2.2,multiIf(kv.2.1='string_value',toJSONString(kv.2.2),kv.2.1='bool_value',if(kv.2.3,'true','false'),kv.2.1='int_value',toString(kv.2.4),kv.2.1='double_value',toJSONString(kv.2.5),kv.2.1='bytes_value',toJSONString(base64Encode(kv.2.8)),kv.2.1 IN ('array_value','kvlist_value'),concat(left(if(kv.2.1='array_value','[]','{}'),1),arrayStringConcat(arrayMap(x1->concat(if(kv.2.1='kvlist_value',concat(toJSONString(x1.1),':'),''),multiIf(x1.2.1='string_value',toJSONString(x1.2.2),x1.2.1='bool_value',if(x1.2.3,'true','false'),x1.2.1='int_value',toString(x1.2.4),x1.2.1='double_value',toJSONString(x1.2.5),x1.2.1='bytes_value',toJSONString(base64Encode(x1.2.8)),x1.2.1 IN ('array_value','kvlist_value'),concat('{"$otlp_base64":"',base64Encode(if(x1.2.1='array_value',x1.2.6,x1.2.7)),'"}'),'null')),arrayConcat(arrayMap(y->('',y),kv.2.6.1),kv.2.7.1)),','),right(if(kv.2.1='array_value','[]','{}'),1)),'null'))),l.attributes),'Map(LowCardinality(String), String)'), s.links) AS `links.attributes`
FROM flat;

-- name: 0001 spans 7
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
    leftUTF8(JSONExtractString(arrayFirst(p->JSONExtractString(p,'type')='text',JSONExtractArrayRaw(JSONExtractArrayRaw(a['gen_ai.input.messages'])[-1],'parts')),'content'), 200) AS input_preview,
    leftUTF8(JSONExtractString(arrayFirst(p->JSONExtractString(p,'type')='text',JSONExtractArrayRaw(JSONExtractArrayRaw(a['gen_ai.output.messages'])[-1],'parts')),'content'), 200) AS output_preview,
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

-- name: 0001 spans 8
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

-- name: 0001 spans 9
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

-- name: 0002 spend_1m 0
CREATE TABLE IF NOT EXISTS spend_1m
(
    project             LowCardinality(String),
    minute              DateTime('UTC') CODEC(Delta, ZSTD(1)),
    model               LowCardinality(String),
    user_id             String CODEC(ZSTD(1)) COMMENT 'empty: no user given; (other): beyond the bound of the view',
    calls               SimpleAggregateFunction(sum, UInt64),
    errors              SimpleAggregateFunction(sum, UInt64),
    unpriced            SimpleAggregateFunction(sum, UInt64) COMMENT 'calls without a known price',
    input_tokens        SimpleAggregateFunction(sum, UInt64),
    output_tokens       SimpleAggregateFunction(sum, UInt64),
    cached_input_tokens SimpleAggregateFunction(sum, UInt64),
    cost_usd            SimpleAggregateFunction(sum, Decimal(38, 12))
)
ENGINE = AggregatingMergeTree
PARTITION BY toMonday(minute)
ORDER BY (project, minute, model, user_id)
TTL minute + INTERVAL 40 DAY
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- name: 0002 spend_1m 1
CREATE MATERIALIZED VIEW IF NOT EXISTS spend_1m_mv TO spend_1m AS
WITH
    by_user AS
    (
        SELECT
            s.project AS project,
            toStartOfMinute(toDateTime(s.timestamp, 'UTC')) AS minute,
            s.model AS model,
            s.user_id AS user,
            count() AS n,
            countIf(s.status_code = 'ERROR') AS n_errors,
            countIf(s.status_code != 'ERROR' AND isNull(s.cost_usd)) AS n_unpriced,
            sum(ifNull(s.input_tokens, 0)) AS n_input,
            sum(ifNull(s.output_tokens, 0)) AS n_output,
            sum(ifNull(s.cached_input_tokens, 0)) AS n_cached,
            sum(ifNull(s.cost_usd, toDecimal128(0, 12))) AS cost
        FROM spans AS s
        WHERE s.is_call
        GROUP BY project, minute, model, user
    ),
    totals AS (SELECT *, sum(cost) OVER (PARTITION BY project, user) AS user_cost FROM by_user),
    ranked AS (SELECT *, dense_rank() OVER (PARTITION BY project ORDER BY user_cost DESC, user) AS user_rank FROM totals)
SELECT
    project,
    minute,
    model,
    if(user_rank <= 1000, user, '(other)') AS user_id,
    sum(n) AS calls,
    sum(n_errors) AS errors,
    sum(n_unpriced) AS unpriced,
    sum(n_input) AS input_tokens,
    sum(n_output) AS output_tokens,
    sum(n_cached) AS cached_input_tokens,
    sum(cost) AS cost_usd
FROM ranked
GROUP BY project, minute, model, user_id;

-- name: 0003 alerts 0
CREATE TABLE IF NOT EXISTS alert_events
(
    timestamp DateTime64(3, 'UTC'),
    event_id  String,
    project   LowCardinality(String),
    rule      LowCardinality(String),
    kind      LowCardinality(String),
    group_key String COMMENT 'canonical JSON of group_values: the identity of the alert within its rule',
    group_values Map(LowCardinality(String), String),
    state     Enum8('inactive' = 0, 'pending' = 1, 'firing' = 2, 'resolved' = 3),
    reason    LowCardinality(String),
    value     Decimal(38, 12),
    limit_value Decimal(38, 12),
    window_s  UInt64,
    since     DateTime64(3, 'UTC'),
    link      String
)
ENGINE = MergeTree
ORDER BY (timestamp, rule)
TTL toDateTime(timestamp) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- name: 0003 alerts 1
CREATE TABLE IF NOT EXISTS alert_deliveries
(
    timestamp   DateTime64(3, 'UTC'),
    event_id    String,
    webhook     String COMMENT 'scheme and host of the receiver; the rest of the URL may be a secret',
    attempt     UInt32,
    outcome     LowCardinality(String) COMMENT 'delivered, retry, failed',
    http_status UInt16 COMMENT '0: no answer',
    error       String
)
ENGINE = MergeTree
ORDER BY (timestamp, event_id)
TTL toDateTime(timestamp) + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- name: 0004 estimates 0
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS estimated_input_tokens Nullable(UInt64)
        DEFAULT toUInt64OrNull(attributes['llmtrace.estimated.input_tokens'])
        COMMENT 'an estimate, where input_tokens was not reported' AFTER reasoning_output_tokens,
    ADD COLUMN IF NOT EXISTS estimated_output_tokens Nullable(UInt64)
        DEFAULT toUInt64OrNull(attributes['llmtrace.estimated.output_tokens'])
        COMMENT 'an estimate, where output_tokens was not reported' AFTER estimated_input_tokens,
    ADD COLUMN IF NOT EXISTS estimated_cost_usd Nullable(Decimal(38, 12))
        DEFAULT toDecimal128OrNull(attributes['llmtrace.estimated.cost_usd'], 12)
        COMMENT 'list price of the estimate; not in cost_usd, nor in any sum' AFTER estimated_output_tokens;

-- name: 0005 sampling 0
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS sampling_threshold Nullable(String) DEFAULT if(
        match(extract(extract(trace_state, '(?:^|,)[ \\t]*ot=([^,]*?)[ \\t]*(?:,|$)'), '(?:^|;)th:([^;]*)') AS th, '^[0-9a-f]{1,14}$')
            AND rightPad(th, 14, '0') <= 'ffffef39085f4a',
        th,
        NULL) COMMENT 'th of the tracestate; NULL: not told' AFTER trace_state,
    ADD COLUMN IF NOT EXISTS sampling_weight Float64 DEFAULT if(
        isNull(sampling_threshold),
        1,
        72057594037927936 / (72057594037927936 - reinterpretAsUInt64(reverse(unhex(rightPad(assumeNotNull(sampling_threshold), 14, '0'))))))
        COMMENT 'how many spans this one stands for; 1: not sampled, or not told' AFTER sampling_threshold,
    ADD COLUMN IF NOT EXISTS corrected_cost_usd Nullable(Decimal(38, 12)) ALIAS if(
        sampling_weight = 1,
        cost_usd,
        toDecimal128(cost_usd * toDecimal128(sampling_weight, 12), 12))
        COMMENT 'cost_usd times sampling_weight: what to add up' AFTER cost_usd;

-- name: 0005 sampling 1
ALTER TABLE spend_1m
    ADD COLUMN IF NOT EXISTS unsampled_calls SimpleAggregateFunction(sum, Float64) COMMENT 'estimate of the calls like these that sampling left out; 0: none, or not told',
    ADD COLUMN IF NOT EXISTS unsampled_errors SimpleAggregateFunction(sum, Float64) COMMENT 'of those, as are all below',
    ADD COLUMN IF NOT EXISTS unsampled_unpriced SimpleAggregateFunction(sum, Float64),
    ADD COLUMN IF NOT EXISTS unsampled_input_tokens SimpleAggregateFunction(sum, Float64),
    ADD COLUMN IF NOT EXISTS unsampled_output_tokens SimpleAggregateFunction(sum, Float64),
    ADD COLUMN IF NOT EXISTS unsampled_cached_input_tokens SimpleAggregateFunction(sum, Float64),
    ADD COLUMN IF NOT EXISTS unsampled_cost_usd SimpleAggregateFunction(sum, Decimal(38, 12)) COMMENT 'add it to cost_usd for what all calls cost';

-- name: 0005 sampling 2
ALTER TABLE spend_1m_mv MODIFY QUERY
WITH
    by_user AS
    (
        SELECT
            s.project AS project,
            toStartOfMinute(toDateTime(s.timestamp, 'UTC')) AS minute,
            s.model AS model,
            s.user_id AS user,
            count() AS n,
            countIf(s.status_code = 'ERROR') AS n_errors,
            countIf(s.status_code != 'ERROR' AND isNull(s.cost_usd)) AS n_unpriced,
            sum(ifNull(s.input_tokens, 0)) AS n_input,
            sum(ifNull(s.output_tokens, 0)) AS n_output,
            sum(ifNull(s.cached_input_tokens, 0)) AS n_cached,
            sum(ifNull(s.cost_usd, toDecimal128(0, 12))) AS cost,
            sum(s.sampling_weight - 1) AS more,
            sumIf(s.sampling_weight - 1, s.status_code = 'ERROR') AS more_errors,
            sumIf(s.sampling_weight - 1, s.status_code != 'ERROR' AND isNull(s.cost_usd)) AS more_unpriced,
            sum((s.sampling_weight - 1) * ifNull(s.input_tokens, 0)) AS more_input,
            sum((s.sampling_weight - 1) * ifNull(s.output_tokens, 0)) AS more_output,
            sum((s.sampling_weight - 1) * ifNull(s.cached_input_tokens, 0)) AS more_cached,
            sum(ifNull(s.corrected_cost_usd - s.cost_usd, toDecimal128(0, 12))) AS more_cost
        FROM spans AS s
        WHERE s.is_call
        GROUP BY project, minute, model, user
    ),
    totals AS (SELECT *, sum(cost + more_cost) OVER (PARTITION BY project, user) AS user_cost FROM by_user),
    ranked AS (SELECT *, dense_rank() OVER (PARTITION BY project ORDER BY user_cost DESC, user) AS user_rank FROM totals)
SELECT
    project,
    minute,
    model,
    if(user_rank <= 1000, user, '(other)') AS user_id,
    sum(n) AS calls,
    sum(n_errors) AS errors,
    sum(n_unpriced) AS unpriced,
    sum(n_input) AS input_tokens,
    sum(n_output) AS output_tokens,
    sum(n_cached) AS cached_input_tokens,
    sum(cost) AS cost_usd,
    sum(more) AS unsampled_calls,
    sum(more_errors) AS unsampled_errors,
    sum(more_unpriced) AS unsampled_unpriced,
    sum(more_input) AS unsampled_input_tokens,
    sum(more_output) AS unsampled_output_tokens,
    sum(more_cached) AS unsampled_cached_input_tokens,
    sum(more_cost) AS unsampled_cost_usd
FROM ranked
GROUP BY project, minute, model, user_id;
