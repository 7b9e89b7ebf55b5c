-- Tokens written to cache, under either name of their attribute: the conventions renamed cache_creation to cache_write.
--
-- https://github.com/open-telemetry/semantic-conventions-genai/pull/440
-- A default that reads the column the view fills and the map of attributes, as in 0004: the view is not restated.

-- name: spans, tokens written to cache
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS cache_write_input_tokens Nullable(UInt64)
        DEFAULT ifNull(toUInt64OrNull(attributes['gen_ai.usage.cache_write.input_tokens']), cache_creation_input_tokens)
        COMMENT 'part of input_tokens' AFTER cached_input_tokens,
    COMMENT COLUMN cache_creation_input_tokens 'what was sent under the old name alone: read cache_write_input_tokens';
