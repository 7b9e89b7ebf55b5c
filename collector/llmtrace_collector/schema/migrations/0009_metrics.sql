-- Metrics: one plain table for each kind of point, as the OpenTelemetry exporter for ClickHouse has them, but leaner.
--
--   otlp_metrics --metrics_unfold_mv--> otlp_metric_points --+--> metrics_gauge_mv ...   --> metrics_gauge, metrics_sum,
--     (Null)                                (Null)           |                               metrics_histogram, ...
--                                                            +--> metrics_quarantine_mv  --> metrics_quarantine
--
-- A point of any kind is one tuple in metrics_unfold_mv, with the fields of the other kinds empty.

-- name: otlp_metrics
CREATE TABLE IF NOT EXISTS otlp_metrics
(
    project     String,
    received_ns UInt64,
    request     Tuple(resource_metrics Array({resource_metrics_type}))
)
ENGINE = Null;

-- name: otlp_metrics_check
CREATE TABLE IF NOT EXISTS otlp_metrics_check AS otlp_metrics ENGINE = Null;

-- name: otlp_metric_points
CREATE TABLE IF NOT EXISTS otlp_metric_points
(
    project             String,
    received_ns         UInt64,
    fault               String,
    kind                String,
    scope_name          String,
    name                String,
    description         String,
    unit                String,
    temporality         Int32,
    is_monotonic        Bool,
    resource_attributes Map(LowCardinality(String), String),
    attributes          Map(LowCardinality(String), String),
    start_ns            UInt64,
    time_ns             UInt64,
    flags               UInt32,
    value               Nullable(Float64),
    count               UInt64,
    sum                 Nullable(Float64),
    min                 Nullable(Float64),
    max                 Nullable(Float64),
    bounds              Array(Float64),
    counts              Array(UInt64),
    negative_counts     Array(UInt64),
    scale               Int32,
    offset              Int32,
    negative_offset     Int32,
    zero_count          UInt64,
    zero_threshold      Float64,
    exemplars           Nested(time_ns UInt64, value Nullable(Float64), trace_id String, span_id String)
)
ENGINE = Null;

-- name: metrics_gauge
CREATE TABLE IF NOT EXISTS metrics_gauge
(
    project             LowCardinality(String),
    timestamp           DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    name                LowCardinality(String),
    unit                LowCardinality(String),
    description         LowCardinality(String),
    service_name        LowCardinality(String),
    scope_name          LowCardinality(String),
    attributes          Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    value               Nullable(Float64) COMMENT 'NULL: no value was recorded',
    exemplars           Nested(timestamp DateTime64(9, 'UTC'), value Nullable(Float64), trace_id String, span_id String),
    received_at         DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toMonday(timestamp)
ORDER BY (project, name, service_name, timestamp)
TTL toDateTime(timestamp) + INTERVAL 90 DAY
SETTINGS {durable_dedup};

-- name: metrics_sum
CREATE TABLE IF NOT EXISTS metrics_sum
(
    project             LowCardinality(String),
    timestamp           DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    start_timestamp     DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    name                LowCardinality(String),
    unit                LowCardinality(String),
    description         LowCardinality(String),
    service_name        LowCardinality(String),
    scope_name          LowCardinality(String),
    temporality         Enum8('UNSPECIFIED' = 0, 'DELTA' = 1, 'CUMULATIVE' = 2),
    is_monotonic        Bool,
    attributes          Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    value               Nullable(Float64) COMMENT 'NULL: no value was recorded',
    exemplars           Nested(timestamp DateTime64(9, 'UTC'), value Nullable(Float64), trace_id String, span_id String),
    received_at         DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toMonday(timestamp)
ORDER BY (project, name, service_name, timestamp)
TTL toDateTime(timestamp) + INTERVAL 90 DAY
SETTINGS {durable_dedup};

-- name: metrics_histogram
CREATE TABLE IF NOT EXISTS metrics_histogram
(
    project             LowCardinality(String),
    timestamp           DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    start_timestamp     DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    name                LowCardinality(String),
    unit                LowCardinality(String),
    description         LowCardinality(String),
    service_name        LowCardinality(String),
    scope_name          LowCardinality(String),
    temporality         Enum8('UNSPECIFIED' = 0, 'DELTA' = 1, 'CUMULATIVE' = 2),
    attributes          Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    count               UInt64,
    sum                 Nullable(Float64),
    min                 Nullable(Float64),
    max                 Nullable(Float64),
    bounds              Array(Float64) COMMENT 'upper bounds, included; one fewer than bucket_counts',
    bucket_counts       Array(UInt64),
    exemplars           Nested(timestamp DateTime64(9, 'UTC'), value Nullable(Float64), trace_id String, span_id String),
    received_at         DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toMonday(timestamp)
ORDER BY (project, name, service_name, timestamp)
TTL toDateTime(timestamp) + INTERVAL 90 DAY
SETTINGS {durable_dedup};

-- name: metrics_exponential_histogram
-- Bucket i of an array counts values above base^(offset + i) up to base^(offset + i + 1), base = 2^(2^-scale).
CREATE TABLE IF NOT EXISTS metrics_exponential_histogram
(
    project             LowCardinality(String),
    timestamp           DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    start_timestamp     DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    name                LowCardinality(String),
    unit                LowCardinality(String),
    description         LowCardinality(String),
    service_name        LowCardinality(String),
    scope_name          LowCardinality(String),
    temporality         Enum8('UNSPECIFIED' = 0, 'DELTA' = 1, 'CUMULATIVE' = 2),
    attributes          Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    count               UInt64,
    sum                 Nullable(Float64),
    min                 Nullable(Float64),
    max                 Nullable(Float64),
    scale               Int32,
    zero_count          UInt64,
    zero_threshold      Float64,
    positive_offset     Int32,
    positive_counts     Array(UInt64),
    negative_offset     Int32,
    negative_counts     Array(UInt64),
    exemplars           Nested(timestamp DateTime64(9, 'UTC'), value Nullable(Float64), trace_id String, span_id String),
    received_at         DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toMonday(timestamp)
ORDER BY (project, name, service_name, timestamp)
TTL toDateTime(timestamp) + INTERVAL 90 DAY
SETTINGS {durable_dedup};

-- name: metrics_summary
CREATE TABLE IF NOT EXISTS metrics_summary
(
    project             LowCardinality(String),
    timestamp           DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    start_timestamp     DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    name                LowCardinality(String),
    unit                LowCardinality(String),
    description         LowCardinality(String),
    service_name        LowCardinality(String),
    scope_name          LowCardinality(String),
    attributes          Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    count               UInt64,
    sum                 Float64,
    quantiles           Nested(quantile Float64, value Float64),
    received_at         DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toMonday(timestamp)
ORDER BY (project, name, service_name, timestamp)
TTL toDateTime(timestamp) + INTERVAL 90 DAY
SETTINGS {durable_dedup};

-- name: metrics_quarantine
-- Points whose time cannot be true or whose parts do not fit together: kept, with the reason.
CREATE TABLE IF NOT EXISTS metrics_quarantine
(
    project     LowCardinality(String),
    received_at DateTime64(9, 'UTC'),
    reason      LowCardinality(String),
    kind        LowCardinality(String),
    name        String,
    start_ns    UInt64,
    time_ns     UInt64,
    value       Nullable(Float64),
    count       UInt64,
    sum         Nullable(Float64),
    attributes  Map(LowCardinality(String), String)
)
ENGINE = MergeTree
PARTITION BY toMonday(received_at)
ORDER BY (project, received_at)
TTL toDateTime(received_at) + INTERVAL 30 DAY
SETTINGS {durable_dedup};

-- name: metrics_unfold_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_unfold_mv TO otlp_metric_points AS
WITH
    resources AS (SELECT project, received_ns, arrayJoin(request.resource_metrics) AS r FROM otlp_metrics),
    scopes AS (SELECT project, received_ns, {map:r.resource.attributes} AS resource_attributes, arrayJoin(r.scope_metrics) AS ss FROM resources),
    metrics AS (SELECT project, received_ns, resource_attributes, ss.scope.name AS scope_name, arrayJoin(ss.metrics) AS m FROM scopes),
    points AS
    (
        SELECT
            project, received_ns, resource_attributes, scope_name,
            m.name AS name, m.description AS description, m.unit AS unit,
            arrayJoin(arrayConcat(
                arrayMap(p -> ('gauge', 0, false, p.attributes, p.start_time_unix_nano, p.time_unix_nano, p.flags,
                    multiIf(p.value = 'as_double', toNullable(p.as_double), p.value = 'as_int', toNullable(toFloat64(p.as_int)), NULL),
                    toUInt64(0), CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(Float64)'),
                    CAST([], 'Array(Float64)'), CAST([], 'Array(UInt64)'), CAST([], 'Array(UInt64)'), toInt32(0), toInt32(0), toInt32(0), toUInt64(0), toFloat64(0),
                    p.exemplars), m.gauge.data_points),
                arrayMap(p -> ('sum', m.sum.aggregation_temporality, m.sum.is_monotonic, p.attributes, p.start_time_unix_nano, p.time_unix_nano, p.flags,
                    multiIf(p.value = 'as_double', toNullable(p.as_double), p.value = 'as_int', toNullable(toFloat64(p.as_int)), NULL),
                    toUInt64(0), CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(Float64)'),
                    CAST([], 'Array(Float64)'), CAST([], 'Array(UInt64)'), CAST([], 'Array(UInt64)'), toInt32(0), toInt32(0), toInt32(0), toUInt64(0), toFloat64(0),
                    p.exemplars), m.sum.data_points),
                arrayMap(p -> ('histogram', m.histogram.aggregation_temporality, false, p.attributes, p.start_time_unix_nano, p.time_unix_nano, p.flags,
                    CAST(NULL, 'Nullable(Float64)'),
                    p.count, if(p.has_sum = 'sum', toNullable(p.sum), NULL), if(p.has_min = 'min', toNullable(p.min), NULL), if(p.has_max = 'max', toNullable(p.max), NULL),
                    p.explicit_bounds, p.bucket_counts, CAST([], 'Array(UInt64)'), toInt32(0), toInt32(0), toInt32(0), toUInt64(0), toFloat64(0),
                    p.exemplars), m.histogram.data_points),
                arrayMap(p -> ('exponential_histogram', m.exponential_histogram.aggregation_temporality, false, p.attributes, p.start_time_unix_nano, p.time_unix_nano, p.flags,
                    CAST(NULL, 'Nullable(Float64)'),
                    p.count, if(p.has_sum = 'sum', toNullable(p.sum), NULL), if(p.has_min = 'min', toNullable(p.min), NULL), if(p.has_max = 'max', toNullable(p.max), NULL),
                    CAST([], 'Array(Float64)'), p.positive.bucket_counts, p.negative.bucket_counts, p.scale, p.positive.offset, p.negative.offset, p.zero_count, p.zero_threshold,
                    p.exemplars), m.exponential_histogram.data_points),
                arrayMap(p -> ('summary', 0, false, p.attributes, p.start_time_unix_nano, p.time_unix_nano, p.flags,
                    CAST(NULL, 'Nullable(Float64)'),
                    p.count, toNullable(p.sum), CAST(NULL, 'Nullable(Float64)'), CAST(NULL, 'Nullable(Float64)'),
                    arrayFlatten(arrayMap(q -> [q.quantile, q.value], p.quantile_values)), CAST([], 'Array(UInt64)'), CAST([], 'Array(UInt64)'), toInt32(0), toInt32(0), toInt32(0), toUInt64(0), toFloat64(0),
                    arraySlice(m.gauge.data_points[1].exemplars, 1, 0)), m.summary.data_points))) AS p
        FROM metrics
    )
SELECT
    project,
    received_ns,
    multiIf(
        p.6 > received_ns + toUInt64(86400000000000), 'its time is more than a day ahead of its receipt',
        p.6 + toUInt64(7776000000000000) < received_ns, 'its time is more than 90 days before its receipt',
        name = '', 'the metric has no name',
        kind = 'histogram' AND length(p.14) NOT IN (0, length(p.13) + 1), 'it has another number of buckets than its bounds make',
        '') AS fault,
    p.1 AS kind,
    scope_name,
    name,
    description,
    unit,
    p.2 AS temporality,
    p.3 AS is_monotonic,
    resource_attributes,
    {map:tupleElement(p, 4)} AS attributes,
    p.5 AS start_ns,
    p.6 AS time_ns,
    p.7 AS flags,
    if(bitAnd(p.7, 1) = 1, NULL, p.8) AS value,
    p.9 AS count,
    p.10 AS sum,
    p.11 AS min,
    p.12 AS max,
    p.13 AS bounds,
    p.14 AS counts,
    p.15 AS negative_counts,
    p.16 AS scale,
    p.17 AS offset,
    p.18 AS negative_offset,
    p.19 AS zero_count,
    p.20 AS zero_threshold,
    arrayMap(e -> e.time_unix_nano, p.21) AS `exemplars.time_ns`,
    arrayMap(e -> multiIf(e.value = 'as_double', toNullable(e.as_double), e.value = 'as_int', toNullable(toFloat64(e.as_int)), NULL), p.21) AS `exemplars.value`,
    arrayMap(e -> lower(hex(e.trace_id)), p.21) AS `exemplars.trace_id`,
    arrayMap(e -> lower(hex(e.span_id)), p.21) AS `exemplars.span_id`
FROM points;

-- name: metrics_gauge_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_gauge_mv TO metrics_gauge AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(time_ns), 'UTC') AS timestamp,
    name,
    unit,
    description,
    resource_attributes['service.name'] AS service_name,
    scope_name,
    value,
    attributes,
    resource_attributes,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t), 'UTC'), p.exemplars.time_ns) AS `exemplars.timestamp`,
    p.exemplars.value AS `exemplars.value`,
    p.exemplars.trace_id AS `exemplars.trace_id`,
    p.exemplars.span_id AS `exemplars.span_id`,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at
FROM otlp_metric_points AS p
WHERE fault = '' AND kind = 'gauge';

-- name: metrics_sum_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_sum_mv TO metrics_sum AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(time_ns), 'UTC') AS timestamp,
    fromUnixTimestamp64Nano(toInt64(if(start_ns < 9000000000000000000, start_ns, 0)), 'UTC') AS start_timestamp,
    name,
    unit,
    description,
    resource_attributes['service.name'] AS service_name,
    scope_name,
    CAST(if(p.temporality BETWEEN 0 AND 2, p.temporality, 0), 'Enum8(\'UNSPECIFIED\' = 0, \'DELTA\' = 1, \'CUMULATIVE\' = 2)') AS temporality,
    is_monotonic,
    value,
    attributes,
    resource_attributes,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t), 'UTC'), p.exemplars.time_ns) AS `exemplars.timestamp`,
    p.exemplars.value AS `exemplars.value`,
    p.exemplars.trace_id AS `exemplars.trace_id`,
    p.exemplars.span_id AS `exemplars.span_id`,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at
FROM otlp_metric_points AS p
WHERE fault = '' AND kind = 'sum';

-- name: metrics_histogram_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_histogram_mv TO metrics_histogram AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(time_ns), 'UTC') AS timestamp,
    fromUnixTimestamp64Nano(toInt64(if(start_ns < 9000000000000000000, start_ns, 0)), 'UTC') AS start_timestamp,
    name,
    unit,
    description,
    resource_attributes['service.name'] AS service_name,
    scope_name,
    CAST(if(p.temporality BETWEEN 0 AND 2, p.temporality, 0), 'Enum8(\'UNSPECIFIED\' = 0, \'DELTA\' = 1, \'CUMULATIVE\' = 2)') AS temporality,
    count,
    sum,
    min,
    max,
    bounds,
    counts AS bucket_counts,
    attributes,
    resource_attributes,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t), 'UTC'), p.exemplars.time_ns) AS `exemplars.timestamp`,
    p.exemplars.value AS `exemplars.value`,
    p.exemplars.trace_id AS `exemplars.trace_id`,
    p.exemplars.span_id AS `exemplars.span_id`,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at
FROM otlp_metric_points AS p
WHERE fault = '' AND kind = 'histogram';

-- name: metrics_exponential_histogram_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_exponential_histogram_mv TO metrics_exponential_histogram AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(time_ns), 'UTC') AS timestamp,
    fromUnixTimestamp64Nano(toInt64(if(start_ns < 9000000000000000000, start_ns, 0)), 'UTC') AS start_timestamp,
    name,
    unit,
    description,
    resource_attributes['service.name'] AS service_name,
    scope_name,
    CAST(if(p.temporality BETWEEN 0 AND 2, p.temporality, 0), 'Enum8(\'UNSPECIFIED\' = 0, \'DELTA\' = 1, \'CUMULATIVE\' = 2)') AS temporality,
    count,
    sum,
    min,
    max,
    scale,
    zero_count,
    zero_threshold,
    offset AS positive_offset,
    counts AS positive_counts,
    negative_offset,
    negative_counts,
    attributes,
    resource_attributes,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t), 'UTC'), p.exemplars.time_ns) AS `exemplars.timestamp`,
    p.exemplars.value AS `exemplars.value`,
    p.exemplars.trace_id AS `exemplars.trace_id`,
    p.exemplars.span_id AS `exemplars.span_id`,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at
FROM otlp_metric_points AS p
WHERE fault = '' AND kind = 'exponential_histogram';

-- name: metrics_summary_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_summary_mv TO metrics_summary AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(time_ns), 'UTC') AS timestamp,
    fromUnixTimestamp64Nano(toInt64(if(start_ns < 9000000000000000000, start_ns, 0)), 'UTC') AS start_timestamp,
    name,
    unit,
    description,
    resource_attributes['service.name'] AS service_name,
    scope_name,
    count,
    ifNull(p.sum, 0) AS sum,
    attributes,
    resource_attributes,
    arrayFilter((v, i) -> i % 2 = 1, p.bounds, arrayEnumerate(p.bounds)) AS `quantiles.quantile`,
    arrayFilter((v, i) -> i % 2 = 0, p.bounds, arrayEnumerate(p.bounds)) AS `quantiles.value`,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at
FROM otlp_metric_points AS p
WHERE fault = '' AND kind = 'summary';

-- name: metrics_quarantine_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS metrics_quarantine_mv TO metrics_quarantine AS
SELECT
    project,
    fromUnixTimestamp64Nano(toInt64(received_ns), 'UTC') AS received_at,
    fault AS reason,
    kind,
    name,
    start_ns,
    time_ns,
    value,
    count,
    sum,
    attributes
FROM otlp_metric_points
WHERE fault != '';
