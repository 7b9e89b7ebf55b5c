-- One set of columns whoever sent the span. What names mean is in dialects.csv; the SQL made from it stands around the
-- unfolding (schema/understanding.py), so that it is worked out once, and the views behind only choose from it.
--
--   otlp_traces --unfold_mv--> otlp_spans --+--> understood_mv --> otlp_understood --+--> understood_spans_mv, ..._content_mv,
--                                           |                                       |    ..._quarantine_mv
--                                           +--> spans_mv, content_mv,              |
--                                                quarantine_mv: until here          +--> foreign_mv --> otlp_foreign
--                                                                                                           |
--                                           made_spans_mv, made_content_mv, ... <-- otlp_made <-- made_mv --+
--
-- Making messages of other forms than that of the GenAI conventions takes SQL whose analysis would cost every insert as
-- much as all the rest. A view whose source gets no rows is not analysed, so it has a way of its own: `otlp_foreign`.
--
-- The way is changed by one statement, the last: rows that unfold_mv makes then have a route, which only the new views
-- take. Between any two statements, and for collectors of before, an insert gives every span once. The old views, which
-- get nothing any more, go with 0019.

-- name: span_content, as others send it
ALTER TABLE span_content
    ADD COLUMN IF NOT EXISTS convention LowCardinality(String) COMMENT 'whose names it came in' AFTER span_id,
    ADD COLUMN IF NOT EXISTS input_format LowCardinality(String) DEFAULT if(input_messages = '', '', 'messages')
        COMMENT 'messages: by the GenAI conventions, made so if need be; json or text: as it came; empty: nothing',
    ADD COLUMN IF NOT EXISTS output_format LowCardinality(String) DEFAULT if(output_messages = '', '', 'messages'),
    ADD COLUMN IF NOT EXISTS as_sent Map(LowCardinality(String), String) CODEC(ZSTD(3))
        COMMENT 'attributes of content that were not by the GenAI conventions, and message events as JSON, as they came';

-- name: otlp_spans, which way they go
ALTER TABLE otlp_spans
    ADD COLUMN IF NOT EXISTS told_fault String,
    ADD COLUMN IF NOT EXISTS route LowCardinality(String);

-- name: otlp_understood
-- One row a span, with what its names mean.
CREATE TABLE IF NOT EXISTS otlp_understood AS otlp_spans ENGINE = Null;

-- name: otlp_understood, what it means
ALTER TABLE otlp_understood
{understood_columns};

-- name: otlp_foreign
-- Spans as they came, whose content is in another form than that of the GenAI conventions.
CREATE TABLE IF NOT EXISTS otlp_foreign
(
    project             String,
    received_ns         UInt64,
    told_fault          String,
    scope_name          String,
    trace_id            String,
    span_id             String,
    parent_span_id      String,
    trace_state         String,
    name                String,
    kind                Int32,
    start_ns            UInt64,
    end_ns              UInt64,
    status_code         Int32,
    status_message      String,
    resource_attributes Map(LowCardinality(String), String),
    attributes          Map(LowCardinality(String), String),
    events              Nested(time_ns UInt64, name LowCardinality(String), attributes Map(LowCardinality(String), String)),
    links               Nested(trace_id String, span_id String, attributes Map(LowCardinality(String), String))
)
ENGINE = Null;

-- name: otlp_made
CREATE TABLE IF NOT EXISTS otlp_made AS otlp_understood ENGINE = Null;

-- name: made_spans_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS made_spans_mv TO spans AS
{select_spans:otlp_made};

-- name: made_content_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS made_content_mv TO span_content AS
{select_content:otlp_made};

-- name: made_quarantine_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS made_quarantine_mv TO spans_quarantine AS
{select_quarantine:otlp_made};

-- name: made_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS made_mv TO otlp_made AS
{made_of:otlp_foreign};

-- name: foreign_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS foreign_mv TO otlp_foreign AS
SELECT
    project, received_ns, fault AS told_fault, scope_name, trace_id, span_id, parent_span_id, trace_state, name, kind,
    start_ns, end_ns, status_code, status_message, resource_attributes, attributes, events.time_ns, events.name,
    events.attributes, links.trace_id, links.span_id, links.attributes
FROM otlp_understood
WHERE route = 'foreign';

-- name: understood_spans_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS understood_spans_mv TO spans AS
{select_spans:otlp_understood};

-- name: understood_content_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS understood_content_mv TO span_content AS
{select_content:otlp_understood};

-- name: understood_quarantine_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS understood_quarantine_mv TO spans_quarantine AS
{select_quarantine:otlp_understood};

-- name: understood_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS understood_mv TO otlp_understood AS
{understood:otlp_spans WHERE route = 'plain'};

-- name: understood_ingested_mv
CREATE MATERIALIZED VIEW IF NOT EXISTS understood_ingested_mv TO ingested AS
{select_ingested:otlp_understood AS o};

-- name: ingested_spans_mv
ALTER TABLE ingested_spans_mv MODIFY QUERY
{select_ingested:otlp_spans AS o WHERE route = ''};

-- name: quarantine_mv
-- spans_mv and content_mv take rows without a fault; rows with a route have one.
ALTER TABLE quarantine_mv MODIFY QUERY
{select_quarantine:otlp_spans};

-- name: unfold_mv
ALTER TABLE unfold_mv MODIFY QUERY
{select_unfolded:otlp_traces};
