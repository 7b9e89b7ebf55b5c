-- Groups of calls by how much of the change between two periods is theirs: of dollars, calls or failures, whichever is most.
SELECT
    *,
-- include: _moved
FROM
(
    SELECT
        model, feature, prompt_version,
        toInt64(round(sumIf(weight, is_stored AND is_now))) AS now_calls,
        toInt64(round(sumIf(weight, is_stored AND is_before))) AS before_calls,
        toInt64(round(sumIf(weight, is_stored AND failed AND is_now))) AS now_errors,
        toInt64(round(sumIf(weight, is_stored AND failed AND is_before))) AS before_errors,
        sumIf(cost, is_now) AS now_usd,
        sumIf(cost, is_before) AS before_usd,
        quantileExactOrNullIf(0.95)(duration_ns, is_stored AND is_now) AS now_p95_ns,
        quantileExactOrNullIf(0.95)(duration_ns, is_stored AND is_before) AS before_p95_ns
    FROM
    (
        SELECT
            *,
            timestamp >= fromUnixTimestamp64Milli({now_start_ms:Int64}, 'UTC')
                AND timestamp < fromUnixTimestamp64Milli({now_end_ms:Int64}, 'UTC') AS is_now,
            timestamp >= fromUnixTimestamp64Milli({before_start_ms:Int64}, 'UTC')
                AND timestamp < fromUnixTimestamp64Milli({before_end_ms:Int64}, 'UTC') AS is_before
-- include: _calls
    )
    GROUP BY model, feature, prompt_version
)
ORDER BY greatest(of_calls, of_errors, of_usd) DESC, now_calls DESC, model, feature, prompt_version
LIMIT {limit:UInt32}
