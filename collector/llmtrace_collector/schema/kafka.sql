-- OTLP from a topic of Kafka into a landing table; schema/kafka.py fills in what is in braces.
--
--   topic ─▶ kafka_otlp_S (Kafka) ─ kafka_S_read_mv ─▶ kafka_S (Null) ─┬ kafka_S_mv ────────▶ otlp_S, as from a collector
--                                                                      └ kafka_S_unread_mv ─▶ kafka_unread
--
-- One view reads the topic, and it is made last: what is read while a view is missing is not given to it later.

-- name: kafka_unread
-- Messages that are no OTLP request, whole; for people to look at.
CREATE TABLE IF NOT EXISTS {stored}.kafka_unread{on}
(
    read_at DateTime('UTC'),
    signal  LowCardinality(String),
    place   String COMMENT 'topic:partition:offset',
    error   String,
    message String
)
ENGINE = {engine}
ORDER BY (signal, read_at)
TTL read_at + INTERVAL 30 DAY;

-- name: kafka_unread, of all shards
-- on a cluster alone
CREATE TABLE IF NOT EXISTS {database}.kafka_unread{on} AS {stored}.kafka_unread
ENGINE = Distributed('{cluster}', '{stored}', 'kafka_unread', cityHash64(place));

-- name: kafka_S
CREATE TABLE IF NOT EXISTS {database}.kafka_{signal}{on}
(
    project     String,
    received_ns UInt64,
    request     Tuple({columns}),
    error       String,
    message     String,
    place       String
)
ENGINE = Null;

-- name: kafka_S_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.kafka_{signal}_mv{on} TO {database}.otlp_{signal} AS
SELECT project, received_ns, request
FROM {database}.kafka_{signal}
WHERE error = '';

-- name: kafka_S_unread_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.kafka_{signal}_unread_mv{on} TO {database}.kafka_unread AS
SELECT now() AS read_at, '{signal}' AS signal, place, error, message
FROM {database}.kafka_{signal}
WHERE error != '';

-- name: kafka_otlp_S
CREATE TABLE IF NOT EXISTS {database}.kafka_otlp_{signal}{on}
(
    {columns}
)
ENGINE = Kafka
SETTINGS
    kafka_broker_list = {brokers},
    kafka_topic_list = {topic},
    kafka_group_name = {group},
    kafka_num_consumers = {consumers},
    kafka_handle_error_mode = 'stream',
    kafka_format = 'ProtobufSingle',
    kafka_schema = 'otlp',  -- must be there and is not read: the schema is the text below
    {proto_settings};

-- name: kafka_S_read_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS {database}.kafka_{signal}_read_mv{on} TO {database}.kafka_{signal} AS
SELECT
    {project} AS project,
    toUInt64(toUnixTimestamp64Milli(ifNull(_timestamp_ms, now64(3)))) * 1000000 AS received_ns,
    tuple({request}) AS request,
    _error AS error,
    _raw_message AS message,
    concat(_topic, ':', toString(_partition), ':', toString(_offset)) AS place
FROM {database}.kafka_otlp_{signal};
