-- A landing table with a column for each field instead of one for the whole request. ClickHouse's Protobuf format fills
-- either from the same bytes and .proto text; analysing a view over small types takes half as long (docs/decisions/0031).
--
--   otlp_traces       --unfold_mv-------> otlp_spans: collectors of before, and Kafka
--   otlp_traces_flat  --unfold_flat_mv--> otlp_spans
--
-- The old way stays for those who write into it; a view whose source gets no rows costs nothing.

-- name: otlp_traces_flat
CREATE TABLE IF NOT EXISTS otlp_traces_flat
(
    received_ns UInt64,
    project     String,
{flat_traces_columns}
)
ENGINE = Null;

-- name: otlp_traces_flat_check
CREATE TABLE IF NOT EXISTS otlp_traces_flat_check AS otlp_traces_flat ENGINE = Null;

-- name: unfold_flat_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS unfold_flat_mv TO otlp_spans AS
{select_unfolded_flat:otlp_traces_flat};
