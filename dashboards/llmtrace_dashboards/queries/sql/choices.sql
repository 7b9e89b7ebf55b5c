-- What the filters offer: the busiest values of each in the range.
WITH found AS
(
    SELECT toString(project) AS p, toString(model) AS m, toString(service_name) AS s, toString(environment) AS e, user_id AS u, count() AS n
    FROM spans
    WHERE
-- include: _in_range
        AND ({project:String} = '' OR project = {project:String})
    GROUP BY GROUPING SETS ((p), (m), (s), (e), (u))
)
SELECT multiIf(p != '', 'project', m != '', 'model', s != '', 'svc', e != '', 'env', 'user') AS field, concat(p, m, s, e, u) AS value, n AS spans
FROM found
WHERE value != ''
ORDER BY n DESC, value
LIMIT 50 BY field
LIMIT 250
