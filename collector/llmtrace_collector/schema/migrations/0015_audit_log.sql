-- Who did what to the collector itself. Copied from the data folder's audit.jsonl (upkeep/audit.py), where it is durable
-- before whoever asked is answered.

-- name: audit_log
CREATE TABLE IF NOT EXISTS audit_log
(
    at      DateTime64(3, 'UTC'),
    who     String COMMENT 'user@host of a command, or key:ID of a request',
    action  LowCardinality(String) COMMENT 'key.create, key.revoke',
    project LowCardinality(String),
    subject String COMMENT 'the id of what it was done to',
    detail  String
)
ENGINE = MergeTree
ORDER BY (project, at)
SETTINGS {durable_dedup};
