-- What calls of each day cost, by what they were for and by part: rows of the FOCUS export. The last part is what the
-- others leave of the whole, so that the sums are those of the ledger to the last digit.
SELECT
    day, project, provider, model, tier, environment, team, feature, user_id,
    piece.1 AS part, sum(piece.2) AS cost_usd, sum(piece.3) AS quantity, uniqExactIf(piece.4, piece.4 != '') AS prices, any(piece.4) AS unit_price,
    count() AS calls, false AS is_correction
FROM
(
    SELECT
        toDate(timestamp, 'UTC') AS day, toString(project) AS project, toString(provider) AS provider, toString(model) AS model,
        toString(service_tier) AS tier, toString(environment) AS environment, toString(team) AS team, toString(feature) AS feature, user_id,
        assumeNotNull(corrected_cost_usd) AS whole,
        arrayMap(
            one -> (one.1, if(sampling_weight = 1, toDecimal128OrZero(attributes[one.2], 12), toDecimal128(toFloat64OrZero(attributes[one.2]) * sampling_weight, 12)), toFloat64(ifNull(one.3, 0)) * sampling_weight, attributes[one.4]),
            [
                ('input', 'llmtrace.cost.input_usd', toNullable(greatest(0, toInt64(ifNull(spans.input_tokens, 0)) - toInt64(ifNull(cached_input_tokens, 0)) - toInt64(ifNull(cache_write_input_tokens, 0)))), 'llmtrace.cost.unit_price.input'),
                ('cached input', 'llmtrace.cost.cache_read_usd', toNullable(toInt64(ifNull(cached_input_tokens, 0))), 'llmtrace.cost.unit_price.cache_read'),
                ('cache write', 'llmtrace.cost.cache_creation_usd', toNullable(toInt64(ifNull(cache_write_input_tokens, 0))), 'llmtrace.cost.unit_price.cache_creation'),
                ('output', 'llmtrace.cost.output_usd', toNullable(toInt64(ifNull(spans.output_tokens, 0))), 'llmtrace.cost.unit_price.output')
            ]) AS told,
        arrayFilter(one -> one.2 != 0, told) AS parts,
        whole - arraySum(one -> one.2, parts) AS rest,
        arrayJoin(arrayConcat(parts, if(rest != 0, [('other', toDecimal128(rest, 12), toFloat64(sampling_weight), '')], []))) AS piece
    FROM spans
    WHERE is_call AND isNotNull(corrected_cost_usd) AND corrected_cost_usd != 0
        AND timestamp >= toDateTime64({from:String}, 9, 'UTC') AND timestamp < toDateTime64({to:String}, 9, 'UTC')
)
GROUP BY day, project, provider, model, tier, environment, team, feature, user_id, part
UNION ALL
SELECT
    toDate(timestamp, 'UTC') AS day, toString(project) AS project, toString(provider) AS provider, toString(model) AS model,
    toString(tier) AS tier, toString(environment) AS environment, toString(team) AS team, toString(feature) AS feature, user_id,
    'other' AS part,
    sum(if(
        sampling_weight = 1,
        new_cost_usd - ifNull(old_cost_usd, toDecimal128(0, 12)),
        toDecimal128(new_cost_usd * toDecimal128(sampling_weight, 12), 12)
            - toDecimal128(ifNull(old_cost_usd, toDecimal128(0, 12)) * toDecimal128(sampling_weight, 12), 12))) AS cost_usd,
    sum(sampling_weight) AS quantity, toUInt64(0) AS prices, '' AS unit_price, count() AS calls, true AS is_correction
FROM cost_adjustments
WHERE timestamp >= toDateTime64({from:String}, 9, 'UTC') AND timestamp < toDateTime64({to:String}, 9, 'UTC')
GROUP BY day, project, provider, model, tier, environment, team, feature, user_id
HAVING cost_usd != 0
ORDER BY day, project, provider, model, tier, environment, team, feature, user_id, is_correction, part
