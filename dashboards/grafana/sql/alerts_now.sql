-- What the newest event of every alert said, at the end of the range: those that fire, and those about to.
SELECT
    event.1 AS "State", event.2 AS "Since", rule AS "Rule", event.3 AS "Of", event.4 AS "Value", event.5 AS "Limit",
    event.6 AS "Severity", event.7 AS "Summary", event.8 AS "Event"
FROM
(
    SELECT
        toString(rule) AS rule,
        group_key,
        argMax(
            (toString(state), since, arrayStringConcat(arrayMap((k, v) -> concat(k, '=', v), mapKeys(group_values), mapValues(group_values)), ', '),
             toFloat64(value), toFloat64(limit_value), toString(severity), if(explanation = '', summary, explanation), event_id),
            (timestamp, state)) AS event
    FROM alert_events
    WHERE
        timestamp > $__toTime - INTERVAL 400 DAY AND timestamp <= $__toTime
        -- include: project
    GROUP BY rule, group_key
)
WHERE "State" IN ('firing', 'pending')
ORDER BY "State", "Since" DESC, "Rule", "Of"
LIMIT 200
