-- Costs that were given to spans later: of spans that came without one, and of spans that were priced again.
--
--   model_rates ----+                            +--> spend_1m_later   --> spend_1m
--                   +--> cost_adjustments -------+--> span_1h_later    --> span_1h, and service_1h alike
--   spans ----------+     (one row per change)   +--> traces_later     --> traces
--                                                +--> dim_values_later --> dim_values
--   cost_batches: begun, done; what was begun and is not done is finished by whoever finds it
--
-- `spans` is never changed. A view `NAME_later` is what changes add to the rollup NAME; it is no materialised view, because
-- a batch must be whole in cost_adjustments before its sums go anywhere: they are then repeated under the batch's token.
-- Counts are taken off by adding 2^64 - 1: sums of UInt64 go round.

-- name: model_rates
-- What was read from the price list (and from own prices), by model: never by span.
CREATE TABLE IF NOT EXISTS model_rates
(
    book          LowCardinality(String) COMMENT 'the price list and the own prices this was read from',
    provider      LowCardinality(String) COMMENT 'as in spans',
    model         String COMMENT 'the model that answered; where that is not told, the one asked for',
    tier          LowCardinality(String) COMMENT 'standard, flex, priority, ...',
    valid_from    DateTime('UTC'),
    valid_to      DateTime('UTC') COMMENT 'not included',
    reason        LowCardinality(String) COMMENT 'why no price is known; empty: one is',
    price_model   String COMMENT 'the row it is from',
    price_version String COMMENT 'what that row is of',
    above         Array(UInt64) COMMENT 'steps by context length: with more input tokens than these, the next price holds for all',
    input         Array(Decimal(38, 18)) COMMENT 'dollars per token, one more than there are steps; empty here and in output: has no price',
    cache_read    Array(Decimal(38, 18)),
    cache_write   Array(Decimal(38, 18)),
    output        Array(Decimal(38, 18)),
    reasoning     Array(Decimal(38, 18)) COMMENT 'of output tokens that are reasoning',
    request       Decimal(38, 18) COMMENT 'dollars per call',
    recorded_at   DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (book, provider, model, tier, valid_from)
SETTINGS {durable_dedup};

-- name: cost_adjustments
-- One row per change of a span's cost, with what rollups group by. The cost of a span is that of its newest row.
CREATE TABLE IF NOT EXISTS cost_adjustments
(
    project         LowCardinality(String),
    timestamp       DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'of the span',
    trace_id        String CODEC(ZSTD(1)),
    span_id         String CODEC(ZSTD(1)),
    operation       LowCardinality(String),
    provider        LowCardinality(String),
    model           LowCardinality(String),
    service_name    LowCardinality(String),
    environment     LowCardinality(String),
    agent_name      LowCardinality(String),
    tool_name       LowCardinality(String),
    prompt_name     LowCardinality(String),
    prompt_version  LowCardinality(String),
    feature         LowCardinality(String),
    team            LowCardinality(String),
    user_id         String CODEC(ZSTD(1)),
    session_id      String CODEC(ZSTD(1)),
    failed          Bool,
    sampling_weight Float64,
    old_cost_usd    Nullable(Decimal(38, 12)) COMMENT 'NULL: it had none',
    new_cost_usd    Decimal(38, 12),
    tier            LowCardinality(String),
    price_model     LowCardinality(String) COMMENT 'the row of the price list, or its place in the own prices',
    price_version   LowCardinality(String),
    reason          LowCardinality(String) COMMENT 'first: it had no cost; again: it was priced again',
    changed_by      LowCardinality(String),
    changed_at      DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    batch           LowCardinality(String),
    INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toMonday(timestamp)
ORDER BY (project, toStartOfHour(timestamp), trace_id, span_id, changed_at)
TTL toDateTime(timestamp) + INTERVAL 90 DAY
SETTINGS {durable_dedup};

-- name: cost_batches
-- Who changed costs, when and how much. A batch is spans of one hour.
CREATE TABLE IF NOT EXISTS cost_batches
(
    batch      String,
    state      LowCardinality(String) COMMENT 'begun, done',
    at         DateTime64(6, 'UTC'),
    hour       DateTime('UTC') COMMENT 'of the spans',
    reason     LowCardinality(String) COMMENT 'first or again',
    changed_by String,
    book       String COMMENT 'the price list and the own prices',
    spans      UInt64 COMMENT 'changed; 0 until it is done',
    old_usd    Decimal(38, 12) COMMENT 'what they cost before, together',
    new_usd    Decimal(38, 12)
)
ENGINE = MergeTree
ORDER BY (hour, batch, at)
SETTINGS {durable_dedup};

-- name: costs
-- What each span costs, with what was found out later: read it with a range of `timestamp`, or by trace.
CREATE VIEW IF NOT EXISTS costs AS
SELECT
    project,
    timestamp,
    trace_id,
    span_id,
    if(max(changes) > 0, argMax(tuple(cost), (changes, at)).1, max(cost)) AS cost_usd,
    max(told) AS told_cost_usd,
    max(changes) > 0 AS changed,
    argMax(version, (changes, at)) AS price_version
FROM
(
    SELECT project, timestamp, trace_id, span_id, cost_usd AS cost, cost_usd AS told, 0 AS changes, toDateTime64(0, 6, 'UTC') AS at,
        attributes['llmtrace.cost.price_version'] AS version
    FROM spans
    WHERE is_call
    UNION ALL
    SELECT project, timestamp, trace_id, span_id, toNullable(new_cost_usd), NULL, 1, changed_at, toString(price_version)
    FROM cost_adjustments
)
GROUP BY project, timestamp, trace_id, span_id;

-- name: spend_1m_later
-- A user whom the view of spend_1m has not named in that minute stays with '(other)': the bound holds.
CREATE VIEW IF NOT EXISTS spend_1m_later AS
SELECT
    project,
    minute,
    model,
    if((project, minute, model, user) IN (SELECT project, minute, model, user_id FROM spend_1m), user, '(other)') AS user_id,
    sum(taken_off) AS unpriced,
    sum(more) AS cost_usd,
    sum(unsampled_off) AS unsampled_unpriced,
    sum(unsampled_more) AS unsampled_cost_usd
FROM
(
    SELECT
        c.project AS project,
        toStartOfMinute(toDateTime(c.timestamp, 'UTC')) AS minute,
        c.model AS model,
        c.user_id AS user,
        isNull(c.old_cost_usd) AND NOT c.failed AS is_first,
        ifNull(c.old_cost_usd, toDecimal128(0, 12)) AS old,
        if(is_first, toUInt64(18446744073709551615), toUInt64(0)) AS taken_off,
        c.new_cost_usd - old AS more,
        if(is_first, 1 - c.sampling_weight, 0) AS unsampled_off,
        if(c.sampling_weight = 1, toDecimal128(0, 12),
            toDecimal128(c.new_cost_usd * toDecimal128(c.sampling_weight, 12), 12) - c.new_cost_usd
            - toDecimal128(old * toDecimal128(c.sampling_weight, 12), 12) + old) AS unsampled_more
    FROM cost_adjustments AS c
)
GROUP BY project, minute, model, user_id;

-- name: span_1h_later
CREATE VIEW IF NOT EXISTS span_1h_later AS
SELECT
    project,
    hour,
    true AS is_call,
    operation,
    model,
    provider,
    failed,
    max(at) AS newest,
    sum(if(is_first, toUInt64(18446744073709551615), toUInt64(0))) AS unpriced,
    sum(new - old) AS cost_usd,
    sum(if(is_first, 1 - weight, 0)) AS unsampled_unpriced,
    sum(if(weight = 1, toDecimal128(0, 12),
        toDecimal128(new * toDecimal128(weight, 12), 12) - new - toDecimal128(old * toDecimal128(weight, 12), 12) + old)) AS unsampled_cost_usd,
    sumMap(if(had, mapAdd(map({bucket:toFloat64(new) * 1e12}, toUInt64(1)), map({bucket:toFloat64(old) * 1e12}, toUInt64(18446744073709551615))),
        map({bucket:toFloat64(new) * 1e12}, toUInt64(1)))) AS cost_hist
FROM
(
    SELECT
        c.project AS project,
        toStartOfHour(toDateTime(c.timestamp, 'UTC')) AS hour,
        c.operation AS operation, c.model AS model, c.provider AS provider,
        c.failed AS failed,
        c.timestamp AS at,
        c.sampling_weight AS weight,
        isNotNull(c.old_cost_usd) AS had,
        NOT had AND NOT c.failed AS is_first,
        c.new_cost_usd AS new,
        ifNull(c.old_cost_usd, toDecimal128(0, 12)) AS old
    FROM cost_adjustments AS c
)
GROUP BY project, hour, operation, model, provider, failed;

-- name: service_1h_later
CREATE VIEW IF NOT EXISTS service_1h_later AS
SELECT
    project,
    hour,
    true AS is_call,
    operation,
    model,
    provider,
    service_name,
    environment,
    failed,
    max(at) AS newest,
    sum(if(is_first, toUInt64(18446744073709551615), toUInt64(0))) AS unpriced,
    sum(new - old) AS cost_usd,
    sum(if(is_first, 1 - weight, 0)) AS unsampled_unpriced,
    sum(if(weight = 1, toDecimal128(0, 12),
        toDecimal128(new * toDecimal128(weight, 12), 12) - new - toDecimal128(old * toDecimal128(weight, 12), 12) + old)) AS unsampled_cost_usd
FROM
(
    SELECT
        c.project AS project,
        toStartOfHour(toDateTime(c.timestamp, 'UTC')) AS hour,
        c.operation AS operation, c.model AS model, c.provider AS provider, c.service_name AS service_name, c.environment AS environment,
        c.failed AS failed,
        c.timestamp AS at,
        c.sampling_weight AS weight,
        isNull(c.old_cost_usd) AND NOT c.failed AS is_first,
        c.new_cost_usd AS new,
        ifNull(c.old_cost_usd, toDecimal128(0, 12)) AS old
    FROM cost_adjustments AS c
)
GROUP BY project, hour, operation, model, provider, service_name, environment, failed;

-- name: traces_later
CREATE VIEW IF NOT EXISTS traces_later AS
SELECT
    c.trace_id AS trace_id,
    c.project AS project,
    toStartOfHour(toDateTime(c.timestamp, 'UTC')) AS hour,
    min(c.timestamp) AS first_at,
    max(c.timestamp) AS last_at,
    max(c.timestamp) AS end_at,
    sum(if(isNull(c.old_cost_usd) AND NOT c.failed, toUInt64(18446744073709551615), toUInt64(0))) AS unpriced,
    countIf(isNull(c.old_cost_usd)) AS priced,
    sum(c.new_cost_usd - ifNull(c.old_cost_usd, toDecimal128(0, 12))) AS cost_usd
FROM cost_adjustments AS c
GROUP BY trace_id, project, hour;

-- name: dim_values_later
CREATE VIEW IF NOT EXISTS dim_values_later AS
SELECT
    project,
    day,
    pair.1 AS field,
    pair.2 AS value,
    sum(more) AS cost_usd,
    sum(unsampled_more) AS unsampled_cost_usd,
    max(at) AS newest
FROM
(
    SELECT
        c.project AS project,
        toDate(c.timestamp) AS day,
        c.timestamp AS at,
        ifNull(c.old_cost_usd, toDecimal128(0, 12)) AS old,
        c.new_cost_usd - old AS more,
        if(c.sampling_weight = 1, toDecimal128(0, 12),
            toDecimal128(c.new_cost_usd * toDecimal128(c.sampling_weight, 12), 12) - c.new_cost_usd
            - toDecimal128(old * toDecimal128(c.sampling_weight, 12), 12) + old) AS unsampled_more,
        [
            ('model', toString(c.model)), ('provider', toString(c.provider)), ('operation', toString(c.operation)),
            ('service', toString(c.service_name)), ('environment', toString(c.environment)), ('agent', toString(c.agent_name)),
            ('tool', toString(c.tool_name)), ('prompt', toString(c.prompt_name)), ('prompt_version', toString(c.prompt_version)),
            ('feature', toString(c.feature)), ('team', toString(c.team)), ('user', c.user_id)
        ] AS pairs
    FROM cost_adjustments AS c
)
ARRAY JOIN arrayFilter(p -> p.2 != '', pairs) AS pair
GROUP BY project, day, field, value;
