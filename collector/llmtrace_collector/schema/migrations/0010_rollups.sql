-- What long ranges, lists and filters are answered from instead of spans.
--
--   spans --+--> span_1h_mv    --> span_1h       sums and histograms by the hour, operation and model
--           +--> service_1h_mv --> service_1h    the same by service and environment too
--           +--> traces_mv     --> traces        where a trace is, and what it comes to
--           +--> dim_values_mv --> dim_values    what each filter has to offer, by day
--
-- Each view counts a span once, in its own hour or day, so that what was deleted can be made again by the hour.
--
-- Rows from before. `spans.rollups` says of each row whether the views have seen it: 0 until 0011, which comes after the
-- views, makes it 11 for every insert that begins after it. The views take rows of 11, schema/backfill.py adds those of
-- 0, day by day, and then marks them. So an older collector that inserts meanwhile is counted once, whichever way.

-- name: spans: which rollups they are in
-- Materialised at once: a part without the column would be read with what its default says later.
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS rollups UInt16 MATERIALIZED 0
        COMMENT 'the version of the schema whose rollups have this span; 0: still to be added to them';

-- name: spans: which rollups the rows so far are in
ALTER TABLE spans MATERIALIZE COLUMN rollups SETTINGS mutations_sync = 2;

-- name: span_1h
-- Histograms have eight buckets for each power of two: bucket b holds values from 2^(b/8) up to 2^((b+1)/8), -1 holds 0.
-- A percentile read from one, at the middle 2^((b+0.5)/8), is within 4.5 %. They count what is stored.
CREATE TABLE IF NOT EXISTS span_1h
(
    project                        LowCardinality(String),
    hour                           DateTime('UTC') CODEC(Delta, ZSTD(1)),
    is_call                        Bool COMMENT 'as in spans',
    operation                      LowCardinality(String),
    model                          LowCardinality(String),
    provider                       LowCardinality(String),
    failed                         Bool COMMENT 'status_code is ERROR',
    spans                          SimpleAggregateFunction(sum, UInt64),
    newest                         SimpleAggregateFunction(max, DateTime64(9, 'UTC')) COMMENT 'the latest timestamp',
    unpriced                       SimpleAggregateFunction(sum, UInt64) COMMENT 'calls that did not fail and have no known price',
    input_tokens                   SimpleAggregateFunction(sum, UInt64),
    output_tokens                  SimpleAggregateFunction(sum, UInt64),
    cached_input_tokens            SimpleAggregateFunction(sum, UInt64),
    reasoning_output_tokens        SimpleAggregateFunction(sum, UInt64),
    tokens_reported                SimpleAggregateFunction(sum, UInt64) COMMENT 'spans with input_tokens: of 0, the sums mean not reported',
    cost_usd                       SimpleAggregateFunction(sum, Decimal(38, 12)),
    duration_ns                    SimpleAggregateFunction(sum, UInt64),
    unsampled_spans                SimpleAggregateFunction(sum, Float64) COMMENT 'estimate of the spans like these that sampling left out; 0: none, or not told',
    unsampled_unpriced             SimpleAggregateFunction(sum, Float64) COMMENT 'of those, as are all below',
    unsampled_input_tokens         SimpleAggregateFunction(sum, Float64),
    unsampled_output_tokens        SimpleAggregateFunction(sum, Float64),
    unsampled_cost_usd             SimpleAggregateFunction(sum, Decimal(38, 12)),
    duration_hist                  SimpleAggregateFunction(sumMap, Map(Int16, UInt64)) COMMENT 'of nanoseconds: spans by bucket',
    time_to_first_token_hist       SimpleAggregateFunction(sumMap, Map(Int16, UInt64)) COMMENT 'of nanoseconds, where reported',
    cost_hist                      SimpleAggregateFunction(sumMap, Map(Int16, UInt64)) COMMENT 'of 10^-12 dollars, where a price is known',
    tokens_hist                    SimpleAggregateFunction(sumMap, Map(Int16, UInt64)) COMMENT 'of input and output tokens together, where reported'
)
ENGINE = AggregatingMergeTree
PARTITION BY toMonday(hour)
ORDER BY (project, hour, is_call, operation, model, provider, failed)
TTL hour + INTERVAL 400 DAY
SETTINGS {durable_dedup};

-- name: service_1h
-- For filters by service and environment: a table of its own, because these make ten times the rows.
CREATE TABLE IF NOT EXISTS service_1h
(
    project                        LowCardinality(String),
    hour                           DateTime('UTC') CODEC(Delta, ZSTD(1)),
    is_call                        Bool COMMENT 'as in spans',
    operation                      LowCardinality(String),
    model                          LowCardinality(String),
    provider                       LowCardinality(String),
    service_name                   LowCardinality(String),
    environment                    LowCardinality(String),
    failed                         Bool COMMENT 'status_code is ERROR',
    spans                          SimpleAggregateFunction(sum, UInt64),
    newest                         SimpleAggregateFunction(max, DateTime64(9, 'UTC')) COMMENT 'the latest timestamp',
    unpriced                       SimpleAggregateFunction(sum, UInt64) COMMENT 'calls that did not fail and have no known price',
    input_tokens                   SimpleAggregateFunction(sum, UInt64),
    output_tokens                  SimpleAggregateFunction(sum, UInt64),
    cached_input_tokens            SimpleAggregateFunction(sum, UInt64),
    reasoning_output_tokens        SimpleAggregateFunction(sum, UInt64),
    tokens_reported                SimpleAggregateFunction(sum, UInt64) COMMENT 'spans with input_tokens: of 0, the sums mean not reported',
    cost_usd                       SimpleAggregateFunction(sum, Decimal(38, 12)),
    duration_ns                    SimpleAggregateFunction(sum, UInt64),
    unsampled_spans                SimpleAggregateFunction(sum, Float64) COMMENT 'estimate of the spans like these that sampling left out; 0: none, or not told',
    unsampled_unpriced             SimpleAggregateFunction(sum, Float64) COMMENT 'of those, as are all below',
    unsampled_input_tokens         SimpleAggregateFunction(sum, Float64),
    unsampled_output_tokens        SimpleAggregateFunction(sum, Float64),
    unsampled_cost_usd             SimpleAggregateFunction(sum, Decimal(38, 12)),
    duration_hist                  SimpleAggregateFunction(sumMap, Map(Int16, UInt64)) COMMENT 'of nanoseconds: spans by bucket',
    time_to_first_token_hist       SimpleAggregateFunction(sumMap, Map(Int16, UInt64)) COMMENT 'of nanoseconds, where reported'
)
ENGINE = AggregatingMergeTree
PARTITION BY toMonday(hour)
ORDER BY (project, hour, is_call, operation, model, provider, service_name, environment, failed)
TTL hour + INTERVAL 400 DAY
SETTINGS {durable_dedup};

-- name: traces
-- One row per trace and hour, once merged: read with GROUP BY trace_id. Small granules, because one trace is looked up.
CREATE TABLE IF NOT EXISTS traces
(
    trace_id      String CODEC(ZSTD(1)),
    project       LowCardinality(String),
    hour          DateTime('UTC') CODEC(Delta, ZSTD(1)) COMMENT 'of the spans: a trace that reaches over hours has a row in each',
    first_at      SimpleAggregateFunction(min, DateTime64(9, 'UTC')) COMMENT 'when its first span began',
    last_at       SimpleAggregateFunction(max, DateTime64(9, 'UTC')) COMMENT 'when its last span began',
    end_at        SimpleAggregateFunction(max, DateTime64(9, 'UTC')) COMMENT 'when the last to end ended',
    root_name     SimpleAggregateFunction(max, String) COMMENT 'of the span without a parent; empty: not seen in this hour',
    root_service  SimpleAggregateFunction(max, String),
    spans         SimpleAggregateFunction(sum, UInt64),
    calls         SimpleAggregateFunction(sum, UInt64),
    errors        SimpleAggregateFunction(sum, UInt64) COMMENT 'spans of any kind with status ERROR',
    unpriced      SimpleAggregateFunction(sum, UInt64),
    tokens_reported SimpleAggregateFunction(sum, UInt64) COMMENT 'calls with input_tokens',
    priced        SimpleAggregateFunction(sum, UInt64) COMMENT 'calls with cost_usd',
    input_tokens  SimpleAggregateFunction(sum, UInt64),
    output_tokens SimpleAggregateFunction(sum, UInt64),
    cost_usd      SimpleAggregateFunction(sum, Decimal(38, 12)),
    user_id       SimpleAggregateFunction(max, String),
    session_id    SimpleAggregateFunction(max, String),
    models        SimpleAggregateFunction(groupUniqArrayArray, Array(String))
)
ENGINE = AggregatingMergeTree
PARTITION BY toMonday(hour)
ORDER BY (trace_id, project, hour)
TTL hour + INTERVAL 90 DAY
SETTINGS {durable_dedup}, index_granularity = 1024;

-- name: dim_values
CREATE TABLE IF NOT EXISTS dim_values
(
    project   LowCardinality(String),
    day       Date CODEC(Delta, ZSTD(1)),
    field     LowCardinality(String) COMMENT 'model, provider, operation, service, environment, agent, tool, prompt, prompt_version, feature, team, user',
    value     String CODEC(ZSTD(1)),
    spans     SimpleAggregateFunction(sum, UInt64),
    calls     SimpleAggregateFunction(sum, UInt64),
    errors    SimpleAggregateFunction(sum, UInt64) COMMENT 'calls that failed',
    cost_usd  SimpleAggregateFunction(sum, Decimal(38, 12)),
    unsampled_calls SimpleAggregateFunction(sum, Float64) COMMENT 'estimate of the calls like these that sampling left out',
    unsampled_cost_usd SimpleAggregateFunction(sum, Decimal(38, 12)),
    newest    SimpleAggregateFunction(max, DateTime64(9, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toMonday(day)
ORDER BY (project, field, day, value)
TTL day + INTERVAL 90 DAY
SETTINGS {durable_dedup};

-- name: span_1h_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS span_1h_mv TO span_1h AS
SELECT
    s.project AS project,
    toStartOfHour(toDateTime(s.timestamp, 'UTC')) AS hour,
    s.is_call AS is_call,
    s.operation AS operation,
    s.model AS model,
    s.provider AS provider,
    s.status_code = 'ERROR' AS failed,
    count() AS spans,
    max(s.timestamp) AS newest,
    countIf(s.is_call AND s.status_code != 'ERROR' AND isNull(s.cost_usd)) AS unpriced,
    sum(ifNull(s.input_tokens, 0)) AS input_tokens,
    sum(ifNull(s.output_tokens, 0)) AS output_tokens,
    sum(ifNull(s.cached_input_tokens, 0)) AS cached_input_tokens,
    sum(ifNull(s.reasoning_output_tokens, 0)) AS reasoning_output_tokens,
    count(s.input_tokens) AS tokens_reported,
    sum(ifNull(s.cost_usd, toDecimal128(0, 12))) AS cost_usd,
    sum(s.duration_ns) AS duration_ns,
    sum(s.sampling_weight - 1) AS unsampled_spans,
    sumIf(s.sampling_weight - 1, s.is_call AND s.status_code != 'ERROR' AND isNull(s.cost_usd)) AS unsampled_unpriced,
    sum((s.sampling_weight - 1) * ifNull(s.input_tokens, 0)) AS unsampled_input_tokens,
    sum((s.sampling_weight - 1) * ifNull(s.output_tokens, 0)) AS unsampled_output_tokens,
    sum(ifNull(s.corrected_cost_usd - s.cost_usd, toDecimal128(0, 12))) AS unsampled_cost_usd,
    sumMap(map({bucket:s.duration_ns}, toUInt64(1))) AS duration_hist,
    sumMapIf(map({bucket:assumeNotNull(s.time_to_first_token_ns)}, toUInt64(1)), isNotNull(s.time_to_first_token_ns)) AS time_to_first_token_hist,
    sumMapIf(map({bucket:toFloat64(assumeNotNull(s.cost_usd)) * 1e12}, toUInt64(1)), isNotNull(s.cost_usd)) AS cost_hist,
    sumMapIf(map({bucket:(ifNull(s.input_tokens, 0) + ifNull(s.output_tokens, 0))}, toUInt64(1)), isNotNull(s.input_tokens) OR isNotNull(s.output_tokens)) AS tokens_hist
FROM spans AS s
WHERE s.rollups >= 11
GROUP BY project, hour, is_call, operation, model, provider, failed;

-- name: service_1h_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS service_1h_mv TO service_1h AS
SELECT
    s.project AS project,
    toStartOfHour(toDateTime(s.timestamp, 'UTC')) AS hour,
    s.is_call AS is_call,
    s.operation AS operation,
    s.model AS model,
    s.provider AS provider,
    s.service_name AS service_name,
    s.environment AS environment,
    s.status_code = 'ERROR' AS failed,
    count() AS spans,
    max(s.timestamp) AS newest,
    countIf(s.is_call AND s.status_code != 'ERROR' AND isNull(s.cost_usd)) AS unpriced,
    sum(ifNull(s.input_tokens, 0)) AS input_tokens,
    sum(ifNull(s.output_tokens, 0)) AS output_tokens,
    sum(ifNull(s.cached_input_tokens, 0)) AS cached_input_tokens,
    sum(ifNull(s.reasoning_output_tokens, 0)) AS reasoning_output_tokens,
    count(s.input_tokens) AS tokens_reported,
    sum(ifNull(s.cost_usd, toDecimal128(0, 12))) AS cost_usd,
    sum(s.duration_ns) AS duration_ns,
    sum(s.sampling_weight - 1) AS unsampled_spans,
    sumIf(s.sampling_weight - 1, s.is_call AND s.status_code != 'ERROR' AND isNull(s.cost_usd)) AS unsampled_unpriced,
    sum((s.sampling_weight - 1) * ifNull(s.input_tokens, 0)) AS unsampled_input_tokens,
    sum((s.sampling_weight - 1) * ifNull(s.output_tokens, 0)) AS unsampled_output_tokens,
    sum(ifNull(s.corrected_cost_usd - s.cost_usd, toDecimal128(0, 12))) AS unsampled_cost_usd,
    sumMap(map({bucket:s.duration_ns}, toUInt64(1))) AS duration_hist,
    sumMapIf(map({bucket:assumeNotNull(s.time_to_first_token_ns)}, toUInt64(1)), isNotNull(s.time_to_first_token_ns)) AS time_to_first_token_hist
FROM spans AS s
WHERE s.rollups >= 11
GROUP BY project, hour, is_call, operation, model, provider, service_name, environment, failed;

-- name: traces_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS traces_mv TO traces AS
SELECT
    s.trace_id AS trace_id,
    s.project AS project,
    toStartOfHour(toDateTime(s.timestamp, 'UTC')) AS hour,
    min(s.timestamp) AS first_at,
    max(s.timestamp) AS last_at,
    max(addNanoseconds(s.timestamp, s.duration_ns)) AS end_at,
    max(if(s.parent_span_id = '', toString(s.name), '')) AS root_name,
    max(if(s.parent_span_id = '', toString(s.service_name), '')) AS root_service,
    count() AS spans,
    countIf(s.is_call) AS calls,
    countIf(s.status_code = 'ERROR') AS errors,
    countIf(s.is_call AND s.status_code != 'ERROR' AND isNull(s.cost_usd)) AS unpriced,
    countIf(s.is_call AND isNotNull(s.input_tokens)) AS tokens_reported,
    countIf(s.is_call AND isNotNull(s.cost_usd)) AS priced,
    sumIf(ifNull(s.input_tokens, 0), s.is_call) AS input_tokens,
    sumIf(ifNull(s.output_tokens, 0), s.is_call) AS output_tokens,
    sumIf(ifNull(s.cost_usd, toDecimal128(0, 12)), s.is_call) AS cost_usd,
    max(s.user_id) AS user_id,
    max(s.session_id) AS session_id,
    groupUniqArrayIf(toString(s.model), s.model != '') AS models
FROM spans AS s
WHERE s.rollups >= 11
GROUP BY trace_id, project, hour;

-- name: dim_values_mv
-- Users apart from the other fields: together they would make a group of nearly every span (0.2 against 1.2 CPU-s for 500,000).
CREATE MATERIALIZED VIEW IF NOT EXISTS dim_values_mv TO dim_values AS
SELECT
    project,
    day,
    pair.1 AS field,
    pair.2 AS value,
    sum(n) AS spans,
    sum(n_calls) AS calls,
    sum(n_errors) AS errors,
    sum(cost) AS cost_usd,
    sum(more) AS unsampled_calls,
    sum(more_cost) AS unsampled_cost_usd,
    max(at) AS newest
FROM
(
    SELECT
        s.project AS project,
        toDate(s.timestamp) AS day,
        s.model AS model, s.provider AS provider, s.operation AS operation, s.service_name AS service, s.environment AS environment,
        s.agent_name AS agent, s.tool_name AS tool, s.prompt_name AS prompt, s.prompt_version AS version, s.feature AS feature,
        s.team AS team, s.user_id AS user,
        count() AS n,
        countIf(s.is_call) AS n_calls,
        countIf(s.is_call AND s.status_code = 'ERROR') AS n_errors,
        sumIf(ifNull(s.cost_usd, toDecimal128(0, 12)), s.is_call) AS cost,
        sumIf(s.sampling_weight - 1, s.is_call) AS more,
        sumIf(ifNull(s.corrected_cost_usd - s.cost_usd, toDecimal128(0, 12)), s.is_call) AS more_cost,
        max(s.timestamp) AS at
    FROM spans AS s
    WHERE s.rollups >= 11
    GROUP BY GROUPING SETS
    (
        (project, day, model, provider, operation, service, environment, agent, tool, prompt, version, feature, team),
        (project, day, user)
    )
)
ARRAY JOIN
    arrayFilter(p -> p.2 != '', [
        ('model', toString(model)), ('provider', toString(provider)), ('operation', toString(operation)),
        ('service', toString(service)), ('environment', toString(environment)), ('agent', toString(agent)),
        ('tool', toString(tool)), ('prompt', toString(prompt)), ('prompt_version', toString(version)),
        ('feature', toString(feature)), ('team', toString(team)), ('user', user)
    ]) AS pair
GROUP BY project, day, field, value;
