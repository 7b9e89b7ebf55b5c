    count() AS stored,
    toUInt64(round(sum(sampling_weight))) AS calls,
    toUInt64(round(sumIf(sampling_weight, status_code = 'ERROR'))) AS errors,
    toUInt64(round(sumIf(sampling_weight, status_code != 'ERROR' AND isNull(spans.cost_usd)))) AS unpriced,
