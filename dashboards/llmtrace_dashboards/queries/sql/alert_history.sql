-- Changes of state in the range, newest first.
SELECT
    toUnixTimestamp64Milli(e.timestamp) AS at_ms, e.event_id AS event_id, toString(e.project) AS project, toString(e.rule) AS rule,
    toString(e.kind) AS kind, e.group_key AS group_key, e.group_values AS group_values, toString(e.state) AS state,
    toString(e.reason) AS reason, e.value AS value, e.limit_value AS limit_value, e.window_s AS window_s,
    toUnixTimestamp64Milli(e.since) AS since_ms, e.link AS link, toString(e.severity) AS severity, toString(e.unit) AS unit,
    e.summary AS summary, e.explanation AS explanation
FROM alert_events AS e
WHERE
-- include: _in_range
        AND ({project:String} = '' OR project IN ('', {project:String}))
ORDER BY e.timestamp DESC, rule, group_key
LIMIT 200
