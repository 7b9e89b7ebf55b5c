-- Values nested deeper than SQL unfolds them are finished by the writer (deep.py), for the spans that have them alone.

-- name: spans_deep
-- Spans that wait for it, under the token of their insert; kept two days, so that a replay finds them.
CREATE TABLE IF NOT EXISTS spans_deep
(
    token               String CODEC(ZSTD(1)),
    project             String,
    received_ns         UInt64,
    told_fault          LowCardinality(String),
    scope_name          LowCardinality(String),
    trace_id            String,
    span_id             String,
    parent_span_id      String,
    trace_state         String,
    name                LowCardinality(String),
    kind                Int32,
    start_ns            UInt64,
    end_ns              UInt64,
    status_code         Int32,
    status_message      String,
    resource_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes          Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    events              Nested(time_ns UInt64, name LowCardinality(String), attributes Map(LowCardinality(String), String)),
    links               Nested(trace_id String, span_id String, attributes Map(LowCardinality(String), String)),
    received_at         DateTime64(9, 'UTC') MATERIALIZED fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC')
)
ENGINE = MergeTree
ORDER BY token
TTL toDateTime(received_at) + INTERVAL 2 DAY
SETTINGS {durable_dedup};

-- name: otlp_spans, none yet
ALTER TABLE otlp_spans
    ADD COLUMN IF NOT EXISTS deep Bool;

-- name: deep_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS deep_mv TO spans_deep AS
SELECT
    getSetting('insert_deduplication_token') AS token,
    project, received_ns, told_fault, scope_name, trace_id, span_id, parent_span_id, trace_state, name, kind,
    start_ns, end_ns, status_code, status_message, resource_attributes, attributes, events.time_ns, events.name,
    events.attributes, links.trace_id, links.span_id, links.attributes
FROM otlp_spans
WHERE deep;

-- name: deep_ingested_mv
-- They are in the log's books when they are kept here.
CREATE MATERIALIZED VIEW IF NOT EXISTS deep_ingested_mv TO ingested AS
{select_ingested:(SELECT project, received_ns, told_fault AS fault FROM otlp_spans WHERE deep) AS o};

-- name: understood_mv
ALTER TABLE understood_mv MODIFY QUERY
{understood:otlp_spans WHERE route = 'plain' AND NOT deep};

-- name: otlp_spans, which are deep
-- From here on such spans go to spans_deep, and there alone.
ALTER TABLE otlp_spans
    MODIFY COLUMN deep Bool DEFAULT route = 'plain' AND (
        arrayExists(v -> position(v, '\x01') > 0, mapValues(attributes))
        OR arrayExists(v -> position(v, '\x01') > 0, mapValues(resource_attributes))
        OR arrayExists(e -> arrayExists(v -> position(v, '\x01') > 0, mapValues(e)), events.attributes)
        OR arrayExists(e -> arrayExists(v -> position(v, '\x01') > 0, mapValues(e)), links.attributes));

-- name: unfold_mv
ALTER TABLE unfold_mv MODIFY QUERY
{select_unfolded_deep:otlp_traces};
