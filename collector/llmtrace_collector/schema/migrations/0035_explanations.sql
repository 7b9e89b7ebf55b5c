-- Why an alert fired, as far as it was found out in time: on rows of state firing.

-- name: alert_events: explanation
ALTER TABLE alert_events
    ADD COLUMN IF NOT EXISTS explanation String
        COMMENT 'a sentence; empty: not explained',
    ADD COLUMN IF NOT EXISTS attributes String
        COMMENT 'JSON: a list of attribute, value and figures, most telling first',
    ADD COLUMN IF NOT EXISTS examples Array(Tuple(trace_id String, span_id String))
        COMMENT 'some of the calls that are explained, the worst first',
    ADD COLUMN IF NOT EXISTS explained_link String
        COMMENT 'the calls that are explained, all of them';
