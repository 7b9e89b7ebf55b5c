-- What a notice says of an alert, in its history too. Rows from before have the defaults.

-- name: alert_events: severity
ALTER TABLE alert_events
    ADD COLUMN IF NOT EXISTS severity LowCardinality(String)
        COMMENT 'warning or critical: at which it fires, or fired; empty: from before there were two',
    ADD COLUMN IF NOT EXISTS measure LowCardinality(String)
        COMMENT 'of value and limit_value; empty: none of the catalogue',
    ADD COLUMN IF NOT EXISTS unit LowCardinality(String)
        COMMENT 'of value and limit_value',
    ADD COLUMN IF NOT EXISTS summary String
        COMMENT 'one sentence; empty: the rule has no words of its own',
    ADD COLUMN IF NOT EXISTS expected_low Nullable(Float64)
        COMMENT 'between which the value was expected, where the rule learns that',
    ADD COLUMN IF NOT EXISTS expected_high Nullable(Float64),
    ADD COLUMN IF NOT EXISTS runbook String;
