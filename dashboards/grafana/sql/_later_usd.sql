toNullable(if(
    sampling_weight = 1,
    new_cost_usd - ifNull(old_cost_usd, toDecimal128(0, 12)),
    toDecimal128(new_cost_usd * toDecimal128(sampling_weight, 12), 12)
        - toDecimal128(ifNull(old_cost_usd, toDecimal128(0, 12)) * toDecimal128(sampling_weight, 12), 12)))
