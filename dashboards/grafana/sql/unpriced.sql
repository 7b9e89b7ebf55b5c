-- Calls of which no price is known, by model.
SELECT
    toString(model) AS "Model",
    toString(provider) AS "Provider",
    toUInt64(round(sum(without_price))) AS "Calls without a price",
    toUInt64(round(sum(calls))) AS "Calls"
FROM
(
    -- include: calls
)
GROUP BY model, provider
HAVING round(sum(without_price)) > 0
ORDER BY "Calls without a price" DESC, model, provider
LIMIT 50
