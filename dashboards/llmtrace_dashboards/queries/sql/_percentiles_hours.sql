    toUInt64(exp2((arrayReduce('quantileExactWeighted(0.95)', mapKeys(sumMap(duration_hist)), mapValues(sumMap(duration_hist))) + 0.5) / 8)) AS p95_ns,
    if(
        empty(sumMap(time_to_first_token_hist)),
        NULL,
        toUInt64(exp2((arrayReduce('quantileExactWeighted(0.95)', mapKeys(sumMap(time_to_first_token_hist)), mapValues(sumMap(time_to_first_token_hist))) + 0.5) / 8))
    ) AS ttft_p95_ns
