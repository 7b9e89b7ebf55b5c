-- What the store has of a provider's calls, by day, model and project; with costs that were found out later.
SELECT
    toDate(hour) AS day,
    toString(model) AS model,
    toString(project) AS project,
    sum(cost_usd) + sum(unsampled_cost_usd) AS usd,
    sum(spans) AS calls,
    sum(unpriced) AS unpriced
FROM span_1h
WHERE hour >= {start:DateTime('UTC')} AND hour < {end:DateTime('UTC')} AND is_call AND provider = {provider:String}
GROUP BY day, model, project
