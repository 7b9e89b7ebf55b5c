-- What was saved per value of a grouping, each dollar once, beside what was spent; in the order of what was saved. Sampled
-- spans count for those they stand for.
--
--   by               the call                                    against the same call
--   prompt caching   that a provider answered                    without cached input, at the model that answered
--   local cache      that no provider was asked for              had the provider been asked, its own caching included
--   routing          that a router had a say in                  at the model the app asked for, with the same tokens; less
--                                                                answers that did not stand, and calls made to compare
--
-- A hit of the local cache repeats the usage of the first answer, so its cached input is nobody's saving.
SELECT
-- include: _savings_group
    AS value,
    sum(weight) AS calls,
    sum(amounts[1]) AS spent_usd,
    sum(amounts[2]) AS prompt_cache_usd,
    sumIf(weight, asked AND cached_input_tokens > 0) AS prompt_cache_calls,
    sum(amounts[3]) AS local_cache_usd,
    sumIf(weight, origin = 'cache') AS local_cache_calls,
    sum(amounts[4]) AS routing_usd,
    sumIf(weight, asked AND isNotNull(counterfactual)) AS routing_calls,
    sumIf(weight, (asked AND cached_input_tokens > 0 AND isNull(cached_at)) OR (origin = 'cache' AND isNull(saved))) AS unknown_calls,
    prompt_cache_usd + local_cache_usd + routing_usd AS saved_usd
FROM
(
    WITH
        attributes[{origin_name:String}] AS origin,
        origin = '' AS asked,
        toDecimal128OrNull(attributes[{saved_name:String}], 12) AS saved,
        toDecimal128OrNull(attributes[{counterfactual_name:String}], 12) AS counterfactual,
        toDecimal128OrNull(attributes[{discarded_name:String}], 12) AS discarded,
        attributes[{shadow_name:String}] != '' AS is_shadow,
        toDecimal128OrNull(attributes[{input_price_name:String}], 12) AS input_price,
        toDecimal128OrNull(attributes[{cache_read_name:String}], 12) AS cache_read,
        toDecimal128OrNull(attributes[{cache_write_name:String}], 12) AS cache_write,
        cached_input_tokens * input_price / 1000000 - cache_read AS cached_at,
        cache_write - cache_write_input_tokens * input_price / 1000000 AS premium,
        toDecimal128(0, 12) AS nothing
    SELECT
        timestamp, project, model, user_id, feature, team, service_name, environment, provider, prompt_version, cached_input_tokens,
        origin, asked, saved, counterfactual, cached_at,
        sampling_weight AS weight,
        arrayMap(
            amount -> if(sampling_weight = 1, amount, toDecimal128(toFloat64(amount) * sampling_weight, 12)),
            [
                ifNull(cost_usd, nothing),
                if(asked, ifNull(cached_at, nothing) - ifNull(premium, nothing), nothing),
                if(origin = 'cache', ifNull(saved, nothing), nothing),
                if(
                    asked,
                    ifNull(counterfactual - cost_usd, nothing) - ifNull(discarded, nothing)
                        - if(is_shadow, ifNull(cost_usd, nothing), nothing),
                    nothing)
            ]) AS amounts
    FROM spans
    WHERE
-- include: _in_range
        AND is_call
-- include: _filters
)
GROUP BY value
ORDER BY saved_usd DESC, value
LIMIT {limit:UInt32}
