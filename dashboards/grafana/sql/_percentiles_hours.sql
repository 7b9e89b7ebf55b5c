sumMap(duration_hist) AS durations,
sumMap(time_to_first_token_hist) AS waits,
arrayMap(b -> exp2((b + 0.5) / 8) / 1e9, arrayReduce('quantilesExactWeighted(0.5, 0.95, 0.99)', mapKeys(durations), mapValues(durations))) AS d,
arrayMap(b -> exp2((b + 0.5) / 8) / 1e9, arrayReduce('quantilesExactWeighted(0.5, 0.95)', mapKeys(waits), mapValues(waits))) AS w,
d[1] AS p50, d[2] AS p95, d[3] AS p99, if(empty(waits), NULL, w[1]) AS first_p50, if(empty(waits), NULL, w[2]) AS first_p95
