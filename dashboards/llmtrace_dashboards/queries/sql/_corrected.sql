    countIf(is_stored) AS stored,
    toUInt64(round(sumIf(weight, is_stored))) AS calls,
    toUInt64(round(sumIf(weight, is_stored AND failed))) AS errors,
    toUInt64(greatest(0, round(sum(weight * without_cost)))) AS unpriced,
