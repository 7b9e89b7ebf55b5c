-- The views of before 0018: they get no rows since unfold_mv gives every row a route.

-- name: spans_mv
DROP VIEW IF EXISTS spans_mv;

-- name: content_mv
DROP VIEW IF EXISTS content_mv;

-- name: quarantine_mv
DROP VIEW IF EXISTS quarantine_mv;

-- name: ingested_spans_mv
DROP VIEW IF EXISTS ingested_spans_mv;
