-- By value of every attribute: how many calls are in the box and how many are not; of one in `sample` of the calls.
SELECT *
FROM
(
    SELECT
        pair.1 AS attribute, pair.2 AS value,
        countIf(met) AS met_now, countIf(NOT met) AS rest_now,
        count() OVER (PARTITION BY attribute) AS candidates
    FROM
    (
        SELECT met, arrayJoin(arrayConcat(singles,
            arrayMap(one -> ('tag', toString(one)), tags), arrayMap(one -> ('finish', toString(one)), finish_reasons))) AS pair
        FROM
        (
            SELECT
-- include: _figure
                AS figure,
-- include: _met
                AS met,
                tags, finish_reasons,
                [
                    ('prompt_version', toString(prompt_version)), ('prompt', toString(prompt_name)),
                    ('response_model', toString(response_model)), ('fingerprint', toString(system_fingerprint)),
                    ('tier', toString(service_tier)), ('model', toString(model)), ('provider', toString(provider)),
                    ('error', toString(error_type)), ('feature', toString(feature)), ('team', toString(team)),
                    ('service', toString(service_name)), ('environment', toString(environment)),
                    ('service_version', toString(resource_attributes['service.version'])),
                    ('operation', toString(operation)), ('stream', if(stream, 'yes', 'no')),
                    ('agent', toString(agent_name)), ('tool', toString(tool_name)),
                    ('server', toString(attributes['server.address'])), ('user', user_id), ('session', session_id)
                ] AS singles
            FROM spans
            WHERE
                is_call AND
-- include: _in_range
-- include: _filters
                AND ({sample:UInt32} = 1 OR modulo(cityHash64(trace_id, span_id), {sample:UInt32}) = 0)
        )
    )
    WHERE pair.2 != ''
    GROUP BY attribute, value
)
WHERE met_now >= 5
ORDER BY met_now DESC, value
LIMIT 200 BY attribute
