quantileExact(0.5)(duration_ns) / 1e9 AS p50,
quantileExact(0.95)(duration_ns) / 1e9 AS p95,
quantileExact(0.99)(duration_ns) / 1e9 AS p99,
quantileExactOrNull(0.5)(time_to_first_token_ns) / 1e9 AS first_p50,
quantileExactOrNull(0.95)(time_to_first_token_ns) / 1e9 AS first_p95
