-- What the store has taken, counted by the inserts themselves: the store's side of the log's books.
--
-- A segment's insert fills these counts under the same deduplication token as its rows, so they are exact whatever was
-- repeated. `log_comment` is sent by the writer with every insert: the name of its log.

-- name: ingested
CREATE TABLE IF NOT EXISTS ingested
(
    project LowCardinality(String),
    day     Date CODEC(ZSTD(1)) COMMENT 'of receipt, UTC',
    log     LowCardinality(String) COMMENT 'the write-ahead log they came from: the file wal/id of a collector',
    signal  LowCardinality(String) COMMENT 'traces, logs or metrics',
    fault   LowCardinality(String) COMMENT 'why they are quarantined; empty: they are stored',
    items   SimpleAggregateFunction(sum, UInt64) COMMENT 'spans, log records or metric points'
)
ENGINE = AggregatingMergeTree
ORDER BY (project, day, log, signal, fault)
SETTINGS {durable_dedup};

-- name: ingested_spans_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS ingested_spans_mv TO ingested AS
SELECT
    project,
    toDate(fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC'), 'UTC') AS day,
    getSetting('log_comment') AS log,
    'traces' AS signal,
    o.fault AS fault,
    count() AS items
FROM otlp_spans AS o
GROUP BY project, day, log, signal, fault;

-- name: ingested_logs_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS ingested_logs_mv TO ingested AS
SELECT
    project,
    toDate(fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC'), 'UTC') AS day,
    getSetting('log_comment') AS log,
    'logs' AS signal,
    o.fault AS fault,
    count() AS items
FROM otlp_log_records AS o
GROUP BY project, day, log, signal, fault;

-- name: ingested_metrics_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS ingested_metrics_mv TO ingested AS
SELECT
    project,
    toDate(fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC'), 'UTC') AS day,
    getSetting('log_comment') AS log,
    'metrics' AS signal,
    o.fault AS fault,
    count() AS items
FROM otlp_metric_points AS o
GROUP BY project, day, log, signal, fault;
