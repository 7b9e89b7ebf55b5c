-- Search in what was asked and answered, and the end of the change to rollups.

-- name: span_content: words of questions and answers
-- since: 26.2
-- A server before 26.2 has no text index: there the statement is left out, and a search reads the range instead (slower, the
-- same answers). Words are what letters and digits make, without regard to case; the ends of lines are escaped in JSON
-- and must not become the first letter of a word.
-- The index is of an expression, not of a column with a preprocessor: with a preprocessor the same search found other rows
-- wherever the engine chose not to use the index (tried on 26.9).
ALTER TABLE span_content
    ADD INDEX IF NOT EXISTS idx_input_words lower(replaceRegexpAll(input_messages, '\\\\[bfnrt]', ' ')) TYPE text(tokenizer = 'splitByNonAlpha'),
    ADD INDEX IF NOT EXISTS idx_output_words lower(replaceRegexpAll(output_messages, '\\\\[bfnrt]', ' ')) TYPE text(tokenizer = 'splitByNonAlpha');

-- name: span_content: words of the rows so far
-- since: 26.2
-- In the background: an insert need not wait for it, and a part without the index is read.
ALTER TABLE span_content MATERIALIZE INDEX idx_input_words SETTINGS mutations_sync = 0;

-- name: span_content: words of the answers so far
-- since: 26.2
ALTER TABLE span_content MATERIALIZE INDEX idx_output_words SETTINGS mutations_sync = 0;

-- name: spans: from now on the views have seen every row
ALTER TABLE spans MODIFY COLUMN rollups UInt16 MATERIALIZED 11;
