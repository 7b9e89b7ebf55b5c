-- How long rows are kept, where that differs from the schema. Applied as the tables' TTL (upkeep/retention.py), so that
-- the engine itself drops what is too old, in its merges, on one server as on many.

-- name: retention
CREATE TABLE IF NOT EXISTS retention
(
    changed_at DateTime64(3, 'UTC'),
    table_name LowCardinality(String),
    project    LowCardinality(String) COMMENT 'empty: every project that has no row of its own',
    days       UInt32 COMMENT '0: no longer set, the schema or the row for every project holds',
    changed_by String
)
ENGINE = MergeTree
ORDER BY (table_name, project, changed_at)
SETTINGS {durable_dedup};
