-- All that happened to the alert of an event: the same rule and group, oldest first.
SELECT
    toUnixTimestamp64Milli(e.timestamp) AS at_ms, e.event_id AS event_id, toString(e.project) AS project, toString(e.rule) AS rule,
    toString(e.kind) AS kind, e.group_key AS group_key, e.group_values AS group_values, toString(e.state) AS state,
    toString(e.reason) AS reason, e.value AS value, e.limit_value AS limit_value, e.window_s AS window_s,
    toUnixTimestamp64Milli(e.since) AS since_ms, e.link AS link, toString(e.severity) AS severity, toString(e.unit) AS unit,
    toString(e.measure) AS measure, e.summary AS summary, e.explanation AS explanation, e.expected_low AS expected_low,
    e.expected_high AS expected_high, e.runbook AS runbook, e.attributes AS attributes, e.examples AS examples,
    e.explained_link AS explained_link
FROM alert_events AS e
WHERE
-- include: _in_range
        AND (e.rule, e.group_key) IN
        (
            SELECT e.rule, e.group_key
            FROM alert_events AS e
            WHERE
-- include: _in_range
                AND e.event_id = {event_id:String}
        )
ORDER BY e.timestamp, e.state
LIMIT 500
