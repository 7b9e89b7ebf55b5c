-- name: spans: from now on the views have seen every row
ALTER TABLE spans MODIFY COLUMN rollups UInt16 MATERIALIZED 11;
