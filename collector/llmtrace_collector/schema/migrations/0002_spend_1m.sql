-- Spend by the minute: what budget rules and the overview read instead of spans.

-- name: spend_1m
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
SETTINGS {durable_dedup};

-- name: spend_1m_mv
-- The bound: per inserted segment and project the 1,000 dearest users keep their name, the rest are summed as
-- '(other)'; so a flood of made-up user ids cannot grow the rollup without limit, and no dollar is lost.
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
