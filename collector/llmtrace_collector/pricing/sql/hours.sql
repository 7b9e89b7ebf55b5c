-- Hours with calls that have no cost, by what rates are looked for by; from the rollup, so it costs little.
SELECT
    hour,
    provider,
    model,
    sum(unpriced) AS calls
FROM span_1h
WHERE hour >= {since:DateTime('UTC')} AND is_call AND NOT failed
GROUP BY hour, provider, model
HAVING calls > 0
ORDER BY hour
