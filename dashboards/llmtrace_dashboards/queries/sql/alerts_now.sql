-- The state of every alert: its newest event. At the same instant the later state of an alert's life wins.
SELECT rule, group_key, event.1 AS at_ms, event.2 AS state, event.3 AS kind, event.4 AS group_values, event.5 AS reason,
    event.6 AS value, event.7 AS limit_value, event.8 AS window_s, event.9 AS since_ms, event.10 AS link, event.11 AS event_id, event.12 AS project,
    event.13 AS severity, event.14 AS unit, event.15 AS summary, event.16 AS explanation
FROM
(
    SELECT
        toString(e.rule) AS rule,
        e.group_key AS group_key,
        argMax(
            (toUnixTimestamp64Milli(e.timestamp), toString(e.state), toString(e.kind), e.group_values, toString(e.reason), e.value, e.limit_value,
             e.window_s, toUnixTimestamp64Milli(e.since), e.link, e.event_id, toString(e.project), toString(e.severity), toString(e.unit), e.summary, e.explanation),
            (e.timestamp, e.state)) AS event
    FROM alert_events AS e
    WHERE
-- include: _in_range
        AND ({project:String} = '' OR project IN ('', {project:String}))
    GROUP BY rule, group_key
)
WHERE state != 'inactive'
ORDER BY indexOf(['firing', 'pending', 'resolved'], state), at_ms DESC, rule, group_key
LIMIT 500
