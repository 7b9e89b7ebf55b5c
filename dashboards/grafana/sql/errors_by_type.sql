-- Failed calls by interval and type, of the seven most frequent types of the range and of all others.
SELECT time, if(place <= 7, kind, '… all others') AS type, sum(n) AS "Failed"
FROM
(
    SELECT time, kind, n, dense_rank() OVER (ORDER BY whole DESC, kind) AS place
    FROM
    (
        SELECT time, kind, n, sum(n) OVER (PARTITION BY kind) AS whole
        FROM
        (
            SELECT
                $__timeInterval(timestamp) AS time,
                if(error_type = '', 'not told', toString(error_type)) AS kind,
                round(sum(sampling_weight)) AS n
            FROM spans
            WHERE
                is_call AND status_code = 'ERROR' AND
                -- include: in_range
            GROUP BY time, kind
        )
    )
)
GROUP BY time, type
ORDER BY time, type
LIMIT 10000
