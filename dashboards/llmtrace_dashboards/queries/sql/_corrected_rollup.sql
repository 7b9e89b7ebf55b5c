    sum(spend_1m.calls) AS stored,
    sum(spend_1m.calls) + toUInt64(round(sum(unsampled_calls))) AS calls,
    sum(spend_1m.errors) + toUInt64(round(sum(unsampled_errors))) AS errors,
    sum(spend_1m.unpriced) + toUInt64(round(sum(unsampled_unpriced))) AS unpriced,
    sum(spend_1m.cost_usd) + sum(unsampled_cost_usd) AS cost_usd
