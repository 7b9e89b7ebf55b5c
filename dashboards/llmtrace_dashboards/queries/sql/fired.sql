-- Changes of alerts' states up to the end of the range, newest first: by them, which alerts fired in it, and for how long.
SELECT
    toUnixTimestamp64Milli(e.timestamp) AS at_ms, e.event_id AS event_id, toString(e.rule) AS rule, e.group_key AS group_key,
    e.group_values AS group_values, toString(e.state) AS state, toString(e.severity) AS severity
FROM alert_events AS e
WHERE
-- include: _in_range
        AND ({project:String} = '' OR project IN ('', {project:String}))
ORDER BY e.timestamp DESC, e.state DESC
LIMIT {limit:UInt32}
