-- What the watch did, for people to read: one row per change of state and one per delivery attempt.
-- Append-only copies of the watch's own durable state; the newest row of an (rule, group_key) is its state now.

-- name: alert_events
CREATE TABLE IF NOT EXISTS alert_events
(
    timestamp DateTime64(3, 'UTC'),
    event_id  String,
    project   LowCardinality(String),
    rule      LowCardinality(String),
    kind      LowCardinality(String),
    group_key String COMMENT 'canonical JSON of group_values: the identity of the alert within its rule',
    group_values Map(LowCardinality(String), String),
    state     Enum8('inactive' = 0, 'pending' = 1, 'firing' = 2, 'resolved' = 3),
    reason    LowCardinality(String),
    value     Decimal(38, 12),
    limit_value Decimal(38, 12),
    window_s  UInt64,
    since     DateTime64(3, 'UTC'),
    link      String
)
ENGINE = MergeTree
ORDER BY (timestamp, rule)
TTL toDateTime(timestamp) + INTERVAL 400 DAY
SETTINGS {durable_dedup};

-- name: alert_deliveries
CREATE TABLE IF NOT EXISTS alert_deliveries
(
    timestamp   DateTime64(3, 'UTC'),
    event_id    String,
    webhook     String COMMENT 'scheme and host of the receiver; the rest of the URL may be a secret',
    attempt     UInt32,
    outcome     LowCardinality(String) COMMENT 'delivered, retry, failed',
    http_status UInt16 COMMENT '0: no answer',
    error       String
)
ENGINE = MergeTree
ORDER BY (timestamp, event_id)
TTL toDateTime(timestamp) + INTERVAL 400 DAY
SETTINGS {durable_dedup};
