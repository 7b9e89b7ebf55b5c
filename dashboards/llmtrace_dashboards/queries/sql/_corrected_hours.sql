    sum(span_1h.spans) AS stored,
    sum(span_1h.spans) + toUInt64(round(sum(unsampled_spans))) AS calls,
    sumIf(span_1h.spans, failed) + toUInt64(round(sumIf(unsampled_spans, failed))) AS errors,
    sum(span_1h.unpriced) + toUInt64(round(sum(unsampled_unpriced))) AS unpriced,
