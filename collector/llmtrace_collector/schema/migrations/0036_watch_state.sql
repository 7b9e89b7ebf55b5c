-- Several collectors on one store: one of their watches leads, the others hold a copy of its state (decision 33).

-- name: watch_leases
-- Who leads, a row an epoch: of two that take the same epoch the first insert wins, the second is a repetition of it.
CREATE TABLE IF NOT EXISTS watch_leases
(
    epoch  UInt64,
    member String COMMENT 'id of the watch that took it, kept in its data folder',
    name   String COMMENT 'its host, for people',
    at     DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY epoch
TTL toDateTime(at) + INTERVAL 30 DAY
SETTINGS {durable_dedup};

-- name: watch_renewals
CREATE TABLE IF NOT EXISTS watch_renewals
(
    epoch  UInt64,
    member String,
    until  DateTime64(3, 'UTC') COMMENT 'by the clock of the store',
    ended  Bool COMMENT 'given up before that'
)
ENGINE = MergeTree
ORDER BY (epoch, member, until)
TTL toDateTime(until) + INTERVAL 1 DAY;

-- name: watch_state
-- Rows of watch.db as the leader has them; the newest of a key holds.
CREATE TABLE IF NOT EXISTS watch_state
(
    at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    member  String,
    epoch   UInt64,
    seq     UInt64 COMMENT 'grows within an epoch',
    source  LowCardinality(String) COMMENT 'a table of watch.db',
    key     String COMMENT 'JSON of its primary key',
    content String COMMENT 'JSON of the row; empty: it is gone'
)
ENGINE = MergeTree
ORDER BY (source, key, epoch, seq)
TTL toDateTime(at) + INTERVAL 3 DAY
SETTINGS {durable_dedup};

-- name: watch_asked
-- What people asked of a watch that does not lead: silences and acknowledgements, for the leader to take in.
CREATE TABLE IF NOT EXISTS watch_asked
(
    at      DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    member  String,
    seq     UInt64 COMMENT 'grows',
    source  LowCardinality(String) COMMENT 'a table of watch.db',
    key     String,
    content String COMMENT 'JSON of the row'
)
ENGINE = MergeTree
ORDER BY (member, seq)
TTL toDateTime(at) + INTERVAL 30 DAY
SETTINGS {durable_dedup};
