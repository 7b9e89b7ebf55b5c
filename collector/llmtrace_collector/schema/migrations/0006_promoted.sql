-- Columns for what dashboards, rollups and rules group by, promoted from the map of attributes.
--
-- As in 0004 their defaults read the map, so that rows from before and inserts of older collectors fill them too.

-- name: spans: for whom and what
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS convention LowCardinality(String)
        DEFAULT if(provider != '' OR operation != '', 'genai', '')
        COMMENT 'whose names the span came in: genai, openinference, ...; empty: no LLM span that we know' AFTER scope_name,
    ADD COLUMN IF NOT EXISTS agent_name LowCardinality(String)
        DEFAULT attributes['gen_ai.agent.name'] AFTER operation,
    ADD COLUMN IF NOT EXISTS tool_name LowCardinality(String)
        DEFAULT attributes['gen_ai.tool.name'] AFTER agent_name,
    ADD COLUMN IF NOT EXISTS prompt_name LowCardinality(String)
        DEFAULT attributes['gen_ai.prompt.name']
        COMMENT 'of the stored prompt or template' AFTER session_id,
    ADD COLUMN IF NOT EXISTS prompt_version LowCardinality(String)
        DEFAULT attributes['gen_ai.prompt.version'] AFTER prompt_name,
    ADD COLUMN IF NOT EXISTS feature LowCardinality(String)
        DEFAULT attributes['llmtrace.feature'] AFTER prompt_version,
    ADD COLUMN IF NOT EXISTS team LowCardinality(String)
        DEFAULT attributes['llmtrace.team'] AFTER feature,
    ADD COLUMN IF NOT EXISTS tags Array(LowCardinality(String))
        DEFAULT JSONExtract(attributes['llmtrace.tags'], 'Array(String)') AFTER team;

-- name: spans: what served it
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS system_fingerprint LowCardinality(String)
        DEFAULT attributes['openai.response.system_fingerprint']
        COMMENT 'changes when the provider''s backend does' AFTER response_id,
    ADD COLUMN IF NOT EXISTS request_service_tier LowCardinality(String)
        DEFAULT attributes['openai.request.service_tier']
        COMMENT 'as asked for' AFTER system_fingerprint,
    ADD COLUMN IF NOT EXISTS response_service_tier LowCardinality(String)
        DEFAULT attributes['openai.response.service_tier']
        COMMENT 'as served' AFTER request_service_tier,
    ADD COLUMN IF NOT EXISTS service_tier LowCardinality(String)
        ALIAS if(response_service_tier != '', response_service_tier, request_service_tier)
        COMMENT 'as served, else as asked for' AFTER response_service_tier;

-- name: spans: signals of quality, told without a judge
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS output_refused Nullable(Bool)
        DEFAULT transform(attributes['llmtrace.output.refused'], ['true', 'false'], [true, false], NULL)
        COMMENT 'a choice was refused, by model or content filter; NULL in this and the next: not told' AFTER finish_reasons,
    ADD COLUMN IF NOT EXISTS output_truncated Nullable(Bool)
        DEFAULT transform(attributes['llmtrace.output.truncated'], ['true', 'false'], [true, false], NULL)
        COMMENT 'a choice ended at the limit of output tokens' AFTER output_refused,
    ADD COLUMN IF NOT EXISTS output_empty Nullable(Bool)
        DEFAULT transform(attributes['llmtrace.output.empty'], ['true', 'false'], [true, false], NULL)
        COMMENT 'a choice has neither text nor tool call' AFTER output_truncated,
    ADD COLUMN IF NOT EXISTS json_valid Nullable(Bool)
        DEFAULT transform(attributes['llmtrace.output.json_valid'], ['true', 'false'], [true, false], NULL)
        COMMENT 'the answer is the JSON that was asked for' AFTER output_empty,
    ADD COLUMN IF NOT EXISTS schema_valid Nullable(Bool)
        DEFAULT transform(attributes['llmtrace.output.schema_valid'], ['true', 'false'], [true, false], NULL)
        COMMENT 'it satisfies the JSON Schema that was asked for' AFTER json_valid,
    ADD COLUMN IF NOT EXISTS tool_calls_json_valid Nullable(Bool)
        DEFAULT transform(attributes['llmtrace.tool_calls.json_valid'], ['true', 'false'], [true, false], NULL)
        COMMENT 'the arguments of every function call are JSON' AFTER schema_valid,
    ADD COLUMN IF NOT EXISTS tool_calls_schema_valid Nullable(Bool)
        DEFAULT transform(attributes['llmtrace.tool_calls.schema_valid'], ['true', 'false'], [true, false], NULL)
        COMMENT 'they satisfy the parameters of the functions' AFTER tool_calls_json_valid,
    ADD COLUMN IF NOT EXISTS mean_logprob Nullable(Float64)
        DEFAULT toFloat64OrNull(attributes['llmtrace.confidence.mean_logprob'])
        COMMENT 'mean natural logarithm of the probabilities of the output tokens' AFTER tool_calls_schema_valid,
    ADD COLUMN IF NOT EXISTS min_logprob Nullable(Float64)
        DEFAULT toFloat64OrNull(attributes['llmtrace.confidence.min_logprob'])
        COMMENT 'of the least likely output token' AFTER mean_logprob,
    ADD COLUMN IF NOT EXISTS unlikely_share Nullable(Float64)
        DEFAULT toFloat64OrNull(attributes['llmtrace.confidence.low_share'])
        COMMENT 'share of output tokens of a probability below 0.5' AFTER min_logprob;
