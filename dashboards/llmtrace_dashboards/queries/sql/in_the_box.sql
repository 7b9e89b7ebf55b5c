-- How many calls are in the box and how many are not, of one in `sample` of the calls; and how many there are in all.
SELECT
    countIf(met AND drawn) AS met_now,
    countIf(NOT met AND drawn) AS rest_now,
    countIf(met) AS calls,
    count() AS every
FROM
(
    SELECT
        ({sample:UInt32} = 1 OR modulo(cityHash64(trace_id, span_id), {sample:UInt32}) = 0) AS drawn,
-- include: _figure
        AS figure,
-- include: _met
        AS met
    FROM spans
    WHERE
        is_call AND
-- include: _in_range
-- include: _filters
)
LIMIT 1
