-- Calls whose usage was not reported and is estimated instead, and what they would cost by list price: in no sum of costs.
SELECT
    toUInt64(round(sum(sampling_weight))) AS calls,
    sum(toFloat64(estimated_cost_usd) * sampling_weight) AS cost_usd
FROM spans
WHERE
        is_call AND (isNotNull(estimated_input_tokens) OR isNotNull(estimated_output_tokens)) AND
-- include: _in_range
-- include: _filters
LIMIT 1
