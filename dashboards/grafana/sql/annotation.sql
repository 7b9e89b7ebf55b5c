-- Alerts that began to fire, and that ended.
SELECT timestamp AS time, concat(rule, ': ', toString(state)) AS title, if(explanation = '', summary, explanation) AS text, toString(state) AS tags
FROM alert_events
WHERE
    $__timeFilter_ms(timestamp) AND state IN ('firing', 'resolved')
    -- include: project
ORDER BY timestamp DESC, rule, group_key
LIMIT 200
