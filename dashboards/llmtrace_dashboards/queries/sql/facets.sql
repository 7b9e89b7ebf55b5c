-- How many matching spans have which value, the most frequent values of each word of the filter grammar.
SELECT pair.1 AS word, pair.2 AS value, count() AS spans
FROM
(
    SELECT
        arrayJoin([
            ('model', toString(model)), ('provider', toString(provider)), ('user', user_id),
            ('status', if(status_code = 'ERROR', 'error', 'ok')), ('error', toString(error_type)),
            ('feature', toString(feature)), ('prompt_version', toString(prompt_version)),
            ('service', toString(service_name))]) AS pair
    FROM spans
    WHERE
-- include: _in_range
-- include: _filters
)
WHERE value != ''
GROUP BY word, value
ORDER BY spans DESC, value
LIMIT {limit:UInt32} BY word
