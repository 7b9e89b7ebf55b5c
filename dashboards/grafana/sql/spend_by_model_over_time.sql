-- Dollars by interval, of the seven dearest models of the range and of all others.
SELECT time, if(place <= 7, toString(model), '… all others') AS model, toFloat64(sum(dollars)) AS "USD"
FROM
(
    SELECT time, model, dollars, dense_rank() OVER (ORDER BY whole DESC, model) AS place
    FROM
    (
        SELECT time, model, dollars, sum(dollars) OVER (PARTITION BY model) AS whole
        FROM
        (
            SELECT $__timeInterval(at) AS time, model, sum(ifNull(usd, 0)) AS dollars
            FROM
            (
                -- include: calls
            )
            GROUP BY time, model
        )
    )
)
GROUP BY time, model
ORDER BY time, model
LIMIT 10000
