-- The same by model from the rollup by hour, which knows neither features nor versions of prompts.
SELECT
    *,
-- include: _moved
FROM
(
    SELECT
        toString(span_1h.model) AS model, '' AS feature, '' AS prompt_version,
        toInt64(sumIf(span_1h.spans, is_now) + round(sumIf(unsampled_spans, is_now))) AS now_calls,
        toInt64(sumIf(span_1h.spans, is_before) + round(sumIf(unsampled_spans, is_before))) AS before_calls,
        toInt64(sumIf(span_1h.spans, failed AND is_now) + round(sumIf(unsampled_spans, failed AND is_now))) AS now_errors,
        toInt64(sumIf(span_1h.spans, failed AND is_before) + round(sumIf(unsampled_spans, failed AND is_before))) AS before_errors,
        sumIf(span_1h.cost_usd, is_now) + sumIf(unsampled_cost_usd, is_now) AS now_usd,
        sumIf(span_1h.cost_usd, is_before) + sumIf(unsampled_cost_usd, is_before) AS before_usd,
        NULL AS now_p95_ns,
        NULL AS before_p95_ns
    FROM
    (
        SELECT
            *,
            hour >= fromUnixTimestamp64Milli({now_start_ms:Int64}, 'UTC')
                AND hour < fromUnixTimestamp64Milli({now_end_ms:Int64}, 'UTC') AS is_now,
            hour >= fromUnixTimestamp64Milli({before_start_ms:Int64}, 'UTC')
                AND hour < fromUnixTimestamp64Milli({before_end_ms:Int64}, 'UTC') AS is_before
-- include: _hours
        AND is_call
    ) AS span_1h
    WHERE is_now OR is_before
    GROUP BY model
)
ORDER BY greatest(of_calls, of_errors, of_usd) DESC, now_calls DESC, model
LIMIT {limit:UInt32}
