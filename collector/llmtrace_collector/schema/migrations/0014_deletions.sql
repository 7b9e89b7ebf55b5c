-- What was deleted and what was imported: logs that people read, and that late arrivals and repeated imports are judged by.

-- name: deletions
-- One row per step of a deletion. Whose data it was is there as a hash alone, unless the command was told to keep it.
CREATE TABLE IF NOT EXISTS deletions
(
    at           DateTime64(3, 'UTC'),
    deletion_id  String,
    step         LowCardinality(String) COMMENT 'requested, done, late: what came after it from a log was deleted too, settled: no log of this collector has older data',
    collector    String COMMENT 'whose log it was, for late and settled',
    who          String,
    requested_at DateTime64(9, 'UTC') COMMENT 'what was received until then is deleted, whenever it is stored',
    project      LowCardinality(String) COMMENT '*: every project',
    kind         LowCardinality(String) COMMENT 'user, session, trace, time',
    salt         String,
    hash         String COMMENT 'SHA-256 of salt and value, hexadecimal; empty: a time range alone',
    value        String COMMENT 'the value itself, only where asked for',
    start_at     Nullable(DateTime64(9, 'UTC')),
    end_at       Nullable(DateTime64(9, 'UTC')),
    hours        Array(Tuple(project String, hour DateTime('UTC'))) COMMENT 'whose rollups are made again',
    rows         Map(LowCardinality(String), UInt64) COMMENT 'deleted, by table',
    purged       Bool COMMENT 'the parts on disk were rewritten before the command ended'
)
ENGINE = MergeTree
ORDER BY (requested_at, deletion_id, at)
SETTINGS {durable_dedup};

-- name: deletion_traces
-- The traces that a deletion by user or session found: what arrives of them later belongs to it.
CREATE TABLE IF NOT EXISTS deletion_traces
(
    deletion_id String,
    project     LowCardinality(String),
    trace_id    String,
    found_at    DateTime('UTC') DEFAULT now()
)
ENGINE = MergeTree
ORDER BY (deletion_id, project, trace_id)
TTL found_at + INTERVAL 100 DAY
SETTINGS {durable_dedup};

-- name: imports
CREATE TABLE IF NOT EXISTS imports
(
    at         DateTime64(3, 'UTC'),
    sha256     String COMMENT 'of the file: the same bytes are taken once',
    table_name LowCardinality(String),
    file       String,
    rows       UInt64 COMMENT '0: begun',
    who        String
)
ENGINE = MergeTree
ORDER BY (sha256, at)
SETTINGS {durable_dedup};
