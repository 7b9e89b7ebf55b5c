-- Estimated tokens and cost, in columns of their own: never added to what was reported.
--
-- Their defaults read the map of attributes, so that spans_mv need not be restated (MODIFY QUERY of a view that is in
-- use would race with inserts of other collectors). Rows stored before have no such attribute and stay NULL.

-- name: spans, estimates
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
