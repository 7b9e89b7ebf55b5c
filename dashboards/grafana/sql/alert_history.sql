-- Changes of state, newest first.
SELECT
    timestamp AS "Time",
    toString(state) AS "State",
    toString(rule) AS "Rule",
    arrayStringConcat(arrayMap((k, v) -> concat(k, '=', v), mapKeys(group_values), mapValues(group_values)), ', ') AS "Of",
    toFloat64(value) AS "Value",
    toFloat64(limit_value) AS "Limit",
    toString(reason) AS "Reason",
    if(explanation = '', summary, explanation) AS "Summary",
    event_id AS "Event"
FROM alert_events
WHERE
    $__timeFilter_ms(timestamp)
    -- include: project
ORDER BY timestamp DESC, rule, group_key
LIMIT 200
