-- Sampling: what a stored span stands for, as a consistent sampler wrote it into its tracestate, and sums that allow for it.
--
--   tracestate `ot=th:T`: 1 to 14 lower-case hexadecimal digits, zeros on the right left out, of a 56-bit threshold T.
--   A span is kept when 56 random bits are T or more: with probability p = (2^56 - T) / 2^56. So one that was kept stands
--   for 1/p = 2^56 / (2^56 - T) like it: its weight, the specification's "adjusted count".
--   https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
--   https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/
--
-- What is no threshold, or keeps fewer than one span in a million (T above ffffef39085f4a), is taken as not told: one
-- span of a stranger must not outweigh all others, and money stays far from the end of its digits. Then the weight is 1.
--
-- In the rollup stand, beside the sums of what is stored, the sums of what sampling left out: each span's weight less 1,
-- times its value. They are 0 where nothing was sampled, as in every row from before; so stored + unsampled is exact there
-- to the last digit, and an unbiased estimate elsewhere.

-- name: spans: threshold and weight
-- As defaults made from trace_state they hold for rows from before, too.
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

-- name: spend_1m: what sampling left out
ALTER TABLE spend_1m
    ADD COLUMN IF NOT EXISTS unsampled_calls SimpleAggregateFunction(sum, Float64) COMMENT 'estimate of the calls like these that sampling left out; 0: none, or not told',
    ADD COLUMN IF NOT EXISTS unsampled_errors SimpleAggregateFunction(sum, Float64) COMMENT 'of those, as are all below',
    ADD COLUMN IF NOT EXISTS unsampled_unpriced SimpleAggregateFunction(sum, Float64),
    ADD COLUMN IF NOT EXISTS unsampled_input_tokens SimpleAggregateFunction(sum, Float64),
    ADD COLUMN IF NOT EXISTS unsampled_output_tokens SimpleAggregateFunction(sum, Float64),
    ADD COLUMN IF NOT EXISTS unsampled_cached_input_tokens SimpleAggregateFunction(sum, Float64),
    ADD COLUMN IF NOT EXISTS unsampled_cost_usd SimpleAggregateFunction(sum, Decimal(38, 12)) COMMENT 'add it to cost_usd for what all calls cost';

-- name: spend_1m_mv
-- As in 0002, with the sums of what sampling left out. The dearest users are those of the corrected cost.
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
