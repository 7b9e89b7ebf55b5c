"""Every attribute and metric name llmtrace writes, with where it comes from. No other module spells one.

Sources:

- ``GENAI``: OpenTelemetry GenAI semantic conventions, repository ``open-telemetry/semantic-conventions-genai``,
  ``docs/gen-ai/client-inference.md`` and ``docs/gen-ai/openai.md`` at commit ``024a4f9``,
  ``docs/gen-ai/gen-ai-spans.md`` at ``88eccb1`` (status: development). Attributes have their newest names alone.
- ``OTEL``: OpenTelemetry semantic conventions v1.41.1.
- ``GENAI_RELEASED``: the GenAI metrics as OpenTelemetry semantic conventions v1.41.0 published them, the last version
  that did; ``GENAI_LATEST``: as ``docs/gen-ai/client-inference.md``, ``docs/gen-ai/gen-ai-token-metrics.md`` and the
  table of renames in ``docs/gen-ai/non-normative/migration.md`` have them at commit ``066d4a7``.
- ``LLMTRACE``: our own names, for what the conventions do not have yet.

``ATTRIBUTES`` and ``METRICS`` are the tables the reference pages are written from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

GENAI: Final = "GenAI semconv 024a4f9"
OTEL: Final = "OTel semconv 1.41.1"
GENAI_RELEASED: Final = "GenAI semconv 1.41.0"
GENAI_LATEST: Final = "GenAI semconv 066d4a7"
LLMTRACE: Final = "llmtrace"


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribute:
    """One span attribute."""

    name: str
    type: str
    """OTel value type: ``string``, ``string[]``, ``int``, ``double``, ``boolean``."""
    source: str
    meaning: str


ATTRIBUTES: Final[dict[str, Attribute]] = {}


def _attribute(name: str, type_: str, source: str, meaning: str) -> str:
    ATTRIBUTES[name] = Attribute(name=name, type=type_, source=source, meaning=meaning)
    return name


# What was asked
OPERATION_NAME: Final = _attribute(
    "gen_ai.operation.name",
    "string",
    GENAI,
    "`chat`, `text_completion`, `embeddings`, `retrieval`, `fetch_response`, ..., or the path without its ids",
)
PROVIDER_NAME: Final = _attribute("gen_ai.provider.name", "string", GENAI, "who answered, told from the host")
REQUEST_MODEL: Final = _attribute("gen_ai.request.model", "string", GENAI, "the model asked for")
REQUEST_STREAM: Final = _attribute("gen_ai.request.stream", "boolean", GENAI, "set, and true, on streamed calls only")
REQUEST_TEMPERATURE: Final = _attribute("gen_ai.request.temperature", "double", GENAI, "as sent")
REQUEST_TOP_P: Final = _attribute("gen_ai.request.top_p", "double", GENAI, "as sent")
REQUEST_MAX_TOKENS: Final = _attribute(
    "gen_ai.request.max_tokens", "int", GENAI, "`max_completion_tokens`, `max_output_tokens` or `max_tokens` as sent"
)
REQUEST_FREQUENCY_PENALTY: Final = _attribute("gen_ai.request.frequency_penalty", "double", GENAI, "as sent")
REQUEST_PRESENCE_PENALTY: Final = _attribute("gen_ai.request.presence_penalty", "double", GENAI, "as sent")
REQUEST_SEED: Final = _attribute("gen_ai.request.seed", "int", GENAI, "as sent")
REQUEST_STOP_SEQUENCES: Final = _attribute("gen_ai.request.stop_sequences", "string[]", GENAI, "`stop` as sent")
REQUEST_CHOICE_COUNT: Final = _attribute("gen_ai.request.choice.count", "int", GENAI, "`n`, when it is not 1")
REQUEST_ENCODING_FORMATS: Final = _attribute(
    "gen_ai.request.encoding_formats", "string[]", GENAI, "`encoding_format` of an embeddings call"
)
EMBEDDINGS_DIMENSION_COUNT: Final = _attribute(
    "gen_ai.embeddings.dimension.count", "int", GENAI, "`dimensions` of an embeddings call"
)
OUTPUT_TYPE: Final = _attribute(
    "gen_ai.output.type", "string", GENAI, "`json` or `text`, when a format was asked for; `image`, `speech`, `video`"
)
OPENAI_API_TYPE: Final = _attribute(
    "openai.api.type", "string", GENAI, "`chat_completions`, `responses`, or `realtime` over such a session"
)
OPENAI_REQUEST_SERVICE_TIER: Final = _attribute(
    "openai.request.service_tier", "string", GENAI, "as sent, unless `auto`"
)
SERVER_ADDRESS: Final = _attribute("server.address", "string", OTEL, "host the client talks to")
SERVER_PORT: Final = _attribute("server.port", "int", OTEL, "port the client talks to")
NETWORK_PROTOCOL_NAME: Final = _attribute(
    "network.protocol.name", "string", OTEL, "`websocket` for a response over one; absent for HTTP"
)

# For whom
USER_ID: Final = _attribute(
    "user.id", "string", OTEL, "`llmtrace.context(user=)`, else the request's `safety_identifier`, else its `user`"
)
SESSION_ID: Final = _attribute("session.id", "string", OTEL, "`llmtrace.context(session=)`")
CONVERSATION_ID: Final = _attribute(
    "gen_ai.conversation.id",
    "string",
    GENAI,
    "`llmtrace.context(conversation=)`, else `conversation` of a responses call, asked or answered",
)
CONVERSATION_COMPACTED: Final = _attribute(
    "gen_ai.conversation.compacted",
    "boolean",
    GENAI,
    "set, and true, when a compaction stands in what was sent to or answered by a responses call",
)
PROMPT_NAME: Final = _attribute(
    "gen_ai.prompt.name", "string", GENAI, "`llmtrace.context(prompt=)`, else the id of the stored prompt sent"
)
PROMPT_VERSION: Final = _attribute(
    "gen_ai.prompt.version", "string", GENAI, "of `llmtrace.context(prompt=)`, else that one's version"
)
FEATURE: Final = _attribute("llmtrace.feature", "string", LLMTRACE, "`llmtrace.context(feature=)`")
TEAM: Final = _attribute("llmtrace.team", "string", LLMTRACE, "`llmtrace.context(team=)`")
TAGS: Final = _attribute("llmtrace.tags", "string[]", LLMTRACE, "`llmtrace.context(tags=)`, of all blocks")

# What was answered
RESPONSE_ID: Final = _attribute("gen_ai.response.id", "string", GENAI, "the provider's id of the answer")
RESPONSE_MODEL: Final = _attribute("gen_ai.response.model", "string", GENAI, "the model that answered")
RESPONSE_FINISH_REASONS: Final = _attribute(
    "gen_ai.response.finish_reasons",
    "string[]",
    GENAI,
    "one per choice, as reported; told from status for responses; `error` where an early end took it away",
)
RESPONSE_TIME_TO_FIRST_CHUNK: Final = _attribute(
    "gen_ai.response.time_to_first_chunk", "double", GENAI, "seconds to the first event of a stream"
)
RESPONSE_TIME_TO_FIRST_TOKEN: Final = _attribute(
    "llmtrace.response.time_to_first_token", "double", LLMTRACE, "seconds to the first event that carries content"
)
RESPONSE_TIME_PER_OUTPUT_TOKEN: Final = _attribute(
    "llmtrace.response.time_per_output_token",
    "double",
    LLMTRACE,
    "seconds from one output token of a stream to the next: (end - first token) / (output tokens - 1)",
)
RESPONSE_STATUS: Final = _attribute(
    "llmtrace.response.status", "string", LLMTRACE, "`status` of a responses answer, as reported"
)
RESPONSE_STREAM_END: Final = _attribute(
    "llmtrace.response.stream_end",
    "string",
    LLMTRACE,
    "`completed`, `closed` (by the app, early), `cut_off` (by the server, without an end), "
    "`broken` (by the network, or a task cancelled), `abandoned` (found by the garbage collector, or the process's "
    "end), `not_kept` (too long to tell)",
)
OPENAI_RESPONSE_SERVICE_TIER: Final = _attribute(
    "openai.response.service_tier", "string", GENAI, "the tier that served the call"
)
OPENAI_RESPONSE_SYSTEM_FINGERPRINT: Final = _attribute(
    "openai.response.system_fingerprint", "string", GENAI, "changes when the provider's backend does"
)
RESPONSE_REQUEST_ID: Final = _attribute(
    "llmtrace.response.request_id", "string", LLMTRACE, "the provider's id of the request, from the answer's headers"
)
RESPONSE_PROCESSING_TIME: Final = _attribute(
    "llmtrace.response.processing_time", "double", LLMTRACE, "seconds the server took, as its headers say"
)
RESPONSE_REGION: Final = _attribute(
    "llmtrace.response.region", "string", LLMTRACE, "region that answered, as Azure's headers say"
)
DETAILS_DROPPED: Final = _attribute(
    "llmtrace.details_dropped", "boolean", LLMTRACE, "set, and true, when the worker's queue was full: no more is told"
)
HTTP_METHOD: Final = _attribute(
    "http.request.method", "string", OTEL, "of an operation that is named after its path: `GET`, `DELETE`, ..."
)
HTTP_STATUS_CODE: Final = _attribute("http.response.status_code", "int", OTEL, "of an answer that is an error")
ERROR_TYPE: Final = _attribute(
    "error.type", "string", OTEL, "class of the exception raised, or the code of an error inside the answer"
)
ERROR_CODE: Final = _attribute(
    "llmtrace.error.code", "string", LLMTRACE, "the provider's own code or type of the error"
)
ERROR_CAUSE: Final = _attribute(
    "llmtrace.error.cause", "string", LLMTRACE, "class of the exception below, such as that of the HTTP library"
)

# What is left of the provider's allowances, as the headers of the last answer say
RATE_LIMIT_REQUESTS: Final = (
    _attribute("llmtrace.rate_limit.requests.limit", "int", LLMTRACE, "requests allowed in the provider's period"),
    _attribute("llmtrace.rate_limit.requests.remaining", "int", LLMTRACE, "requests left of these"),
    _attribute("llmtrace.rate_limit.requests.reset", "double", LLMTRACE, "seconds until all are there again"),
)
RATE_LIMIT_TOKENS: Final = (
    _attribute("llmtrace.rate_limit.tokens.limit", "int", LLMTRACE, "tokens allowed in the provider's period"),
    _attribute("llmtrace.rate_limit.tokens.remaining", "int", LLMTRACE, "tokens left of these"),
    _attribute("llmtrace.rate_limit.tokens.reset", "double", LLMTRACE, "seconds until all are there again"),
)

# What acted on the call in the process, before the provider or in its place
REPLY_ORIGIN: Final = _attribute(
    "llmtrace.reply.origin",
    "string",
    LLMTRACE,
    "`cache` or `guardrail`: the reply was given in the provider's place; absent: the provider gave it",
)
REPLY_SAVED_USD: Final = _attribute(
    "llmtrace.reply.saved_usd", "string", LLMTRACE, "decimal US dollars the provider would have taken for that reply"
)
CACHE_RESULT: Final = _attribute(
    "llmtrace.cache.result",
    "string",
    LLMTRACE,
    "`exact` (the same request), `semantic` (another question's answer), `shared` (an equal call under way), "
    "`miss`, `refresh` or `bypass` (as the app asked), `unfit` (no answer of it may be kept)",
)
CACHE_SIMILARITY: Final = _attribute(
    "llmtrace.cache.similarity", "double", LLMTRACE, "cosine of the nearest stored question"
)
CACHE_WRONG_PROBABILITY: Final = _attribute(
    "llmtrace.cache.wrong_probability",
    "double",
    LLMTRACE,
    "how likely the answer to the nearest stored question is wrong for this one, as the curve says",
)
CACHE_NEAR_MISS: Final = _attribute(
    "llmtrace.cache.near_miss",
    "string",
    LLMTRACE,
    "why the nearest stored question's answer was not given: a guard (`digits`, `signs`, `negation`, `opposite`, "
    "`name`, `order`, `ask`, `word`), `bound` or `judge`",
)
CACHE_AGE: Final = _attribute("llmtrace.cache.age", "double", LLMTRACE, "seconds since the answer given was made")
CACHE_SAVED_TIME: Final = _attribute(
    "llmtrace.cache.saved_time", "double", LLMTRACE, "seconds the provider took for the answer given"
)
CACHE_NOT_KEPT: Final = _attribute(
    "llmtrace.cache.not_kept",
    "string",
    LLMTRACE,
    "why the provider's answer was not stored: `error`, `refusal`, `truncated`, `tool_call`, `empty`, "
    "`large`, `partial`",
)
CACHE_FAULT: Final = _attribute(
    "llmtrace.cache.fault", "string", LLMTRACE, "class of the error that cache, embedder, judge or store failed with"
)
GUARDRAIL_VERDICT: Final = _attribute(
    "llmtrace.guardrail.verdict",
    "string",
    LLMTRACE,
    "of a call that guardrails looked at the strongest of their verdicts: `block`, `redact`, `flag`, `error`, "
    "`timeout`, `skipped`, `pass`",
)
GUARDRAIL_VERDICTS: Final = _attribute(
    "llmtrace.guardrail.verdicts", "string", LLMTRACE, "all of them as JSON, without content; 32 at most"
)
GUARDRAIL_REFUSED_BY: Final = _attribute(
    "llmtrace.guardrail.refused_by", "string", LLMTRACE, "the guardrail that refused the call"
)
GUARDRAIL_DURATION: Final = _attribute(
    "llmtrace.guardrail.duration", "double", LLMTRACE, "seconds that guardrails took, those beside the call included"
)
GUARDRAIL_COST_USD: Final = _attribute(
    "llmtrace.guardrail.cost_usd", "string", LLMTRACE, "decimal US dollars that judges said they took"
)
GUARDRAIL_FAULT: Final = _attribute(
    "llmtrace.guardrail.fault",
    "string",
    LLMTRACE,
    "the class of a fault for which guardrails were left out of the call",
)

# What a router did with the call
ROUTER_ROUTE: Final = _attribute("llmtrace.router.route", "string", LLMTRACE, "name of the route that fitted")
ROUTER_POLICY: Final = _attribute(
    "llmtrace.router.policy", "string", LLMTRACE, "its kind: `fallback`, `cheapest`, `fastest`, `cascade`, `split`, ..."
)
ROUTER_REQUESTED_MODEL: Final = _attribute(
    "llmtrace.router.requested_model", "string", LLMTRACE, "the model the app asked for"
)
ROUTER_CHOSEN_MODEL: Final = _attribute(
    "llmtrace.router.chosen_model", "string", LLMTRACE, "the target the policy put first, as `client/model`"
)
ROUTER_SERVED_MODEL: Final = _attribute(
    "llmtrace.router.served_model", "string", LLMTRACE, "the target that answered; absent when none did"
)
ROUTER_REASON: Final = _attribute(
    "llmtrace.router.reason",
    "string",
    LLMTRACE,
    "why: `proven`, `predicted_easy`, `within_budget:...`, `pinned:tools`, `killed`, ...",
)
ROUTER_ARM: Final = _attribute("llmtrace.router.arm", "string", LLMTRACE, "arm of the split the call was given")
ROUTER_PROPENSITY: Final = _attribute(
    "llmtrace.router.propensity", "double", LLMTRACE, "how likely the chosen target was, given the call, 0 to 1"
)
ROUTER_QUALITY_BOUND: Final = _attribute(
    "llmtrace.router.quality_bound",
    "double",
    LLMTRACE,
    "lower confidence bound of the chosen target's grade less the reference's",
)
ROUTER_TRIED: Final = _attribute(
    "llmtrace.router.tried",
    "string",
    LLMTRACE,
    "targets that gave no answer that stood, in order, each with its reason: `gpt-4o=server_error`",
)
ROUTER_ATTEMPTS: Final = _attribute("llmtrace.router.attempts", "int", LLMTRACE, "targets that were asked")
ROUTER_OVERRULED: Final = _attribute(
    "llmtrace.router.overruled", "string", LLMTRACE, "the model that a step further in asked for instead"
)
ROUTER_DISCARDED_USD: Final = _attribute(
    "llmtrace.router.discarded_usd", "string", LLMTRACE, "decimal US dollars of answers that did not stand"
)
ROUTER_COUNTERFACTUAL_USD: Final = _attribute(
    "llmtrace.router.counterfactual_usd",
    "string",
    LLMTRACE,
    "decimal US dollars the same tokens would have cost at the model the app asked for",
)
ROUTER_SHADOW: Final = _attribute(
    "llmtrace.router.shadow", "string", LLMTRACE, "`sent`, or `dropped` when too many were under way"
)
ROUTER_SHADOW_OF: Final = _attribute(
    "llmtrace.router.shadow_of", "string", LLMTRACE, "on the span of a shadow call: the model whose answer the app got"
)
ROUTER_FAULT: Final = _attribute(
    "llmtrace.router.fault", "string", LLMTRACE, "class of the error the router was left out for"
)

# Attempts the client made again; absent when the first one stood
RETRY_EVENT: Final = "llmtrace.retry"
"""Name of the event of each such attempt, at the time it had failed."""
RETRY_COUNT: Final = _attribute("llmtrace.retry.count", "int", LLMTRACE, "how often the client tried again")
RETRY_LOST_TIME: Final = _attribute(
    "llmtrace.retry.lost_time", "double", LLMTRACE, "seconds before the last attempt: failed attempts and waits"
)
RETRY_ATTEMPT: Final = _attribute(
    "llmtrace.retry.attempt", "int", LLMTRACE, "on `llmtrace.retry` events: which attempt failed, from 1"
)
RETRY_WAIT: Final = _attribute(
    "llmtrace.retry.wait", "double", LLMTRACE, "on `llmtrace.retry` events: seconds the client meant to wait then"
)

# What answers for the first time in this process where something else did before
CHANGE_EVENT: Final = "llmtrace.backend.changed"
"""Name of the event on the call whose answer told of it."""
CHANGE_WHAT: Final = _attribute(
    "llmtrace.change.what",
    "string",
    LLMTRACE,
    "on `llmtrace.backend.changed` events: `model` or `fingerprint`, never seen before in this process for that model "
    "asked for at that host, where another was",
)
CHANGE_BEFORE: Final = _attribute("llmtrace.change.before", "string", LLMTRACE, "the last one before it")
CHANGE_NOW: Final = _attribute("llmtrace.change.now", "string", LLMTRACE, "the new one")

# Tokens, exactly as reported; absent when not reported
USAGE_INPUT_TOKENS: Final = _attribute("gen_ai.usage.input_tokens", "int", GENAI, "cached ones included")
USAGE_OUTPUT_TOKENS: Final = _attribute("gen_ai.usage.output_tokens", "int", GENAI, "reasoning included")
USAGE_CACHE_READ_TOKENS: Final = _attribute(
    "gen_ai.usage.cache_read.input_tokens", "int", GENAI, "part of the input tokens"
)
USAGE_CACHE_WRITE_TOKENS: Final = _attribute(
    "gen_ai.usage.cache_write.input_tokens", "int", GENAI, "part of the input tokens"
)
USAGE_REASONING_TOKENS: Final = _attribute(
    "gen_ai.usage.reasoning.output_tokens", "int", GENAI, "part of the output tokens"
)
USAGE_AUDIO_INPUT_TOKENS: Final = _attribute(
    "gen_ai.usage.audio.input_tokens", "int", GENAI, "part of the input tokens"
)
USAGE_AUDIO_OUTPUT_TOKENS: Final = _attribute(
    "gen_ai.usage.audio.output_tokens", "int", GENAI, "part of the output tokens"
)
USAGE_IMAGE_INPUT_TOKENS: Final = _attribute(
    "gen_ai.usage.image.input_tokens", "int", GENAI, "part of the input tokens"
)
USAGE_VIDEO_INPUT_TOKENS: Final = _attribute(
    "llmtrace.usage.video.input_tokens", "int", LLMTRACE, "part of the input tokens"
)
USAGE_TEXT_INPUT_TOKENS: Final = _attribute("gen_ai.usage.text.input_tokens", "int", GENAI, "part of the input tokens")
USAGE_TEXT_OUTPUT_TOKENS: Final = _attribute(
    "gen_ai.usage.text.output_tokens", "int", GENAI, "part of the output tokens"
)
USAGE_IMAGE_OUTPUT_TOKENS: Final = _attribute(
    "gen_ai.usage.image.output_tokens", "int", GENAI, "part of the output tokens"
)
USAGE_CACHE_WRITE_12H_TOKENS: Final = _attribute(
    "llmtrace.usage.cache_creation_12h.input_tokens", "int", LLMTRACE, "of those written to cache, kept for 12 hours"
)
USAGE_CACHE_WRITE_1H_TOKENS: Final = _attribute(
    "llmtrace.usage.cache_creation_1h.input_tokens", "int", LLMTRACE, "of those written to cache, kept for an hour"
)
USAGE_AUDIO_CACHE_READ_TOKENS: Final = _attribute(
    "gen_ai.usage.audio.cache_read.input_tokens", "int", GENAI, "of those read from cache, audio"
)
USAGE_IMAGE_CACHE_READ_TOKENS: Final = _attribute(
    "gen_ai.usage.image.cache_read.input_tokens", "int", GENAI, "of those read from cache, image"
)
USAGE_TEXT_CACHE_READ_TOKENS: Final = _attribute(
    "gen_ai.usage.text.cache_read.input_tokens", "int", GENAI, "of those read from cache, text"
)
USAGE_ACCEPTED_PREDICTION_TOKENS: Final = _attribute(
    "llmtrace.usage.accepted_prediction.output_tokens", "int", LLMTRACE, "of a predicted output, in the answer"
)
USAGE_REJECTED_PREDICTION_TOKENS: Final = _attribute(
    "llmtrace.usage.rejected_prediction.output_tokens",
    "int",
    LLMTRACE,
    "of a predicted output, not in the answer; billed as output",
)
USAGE_AUDIO_SECONDS: Final = _attribute(
    "llmtrace.usage.audio.seconds", "double", LLMTRACE, "length of the audio, of models billed by it"
)
USAGE_CHARACTERS: Final = _attribute(
    "llmtrace.usage.characters", "int", LLMTRACE, "length of the text, of models billed by it"
)
USAGE: Final = {
    "input": USAGE_INPUT_TOKENS,
    "output": USAGE_OUTPUT_TOKENS,
    "cache_read": USAGE_CACHE_READ_TOKENS,
    "cache_write": USAGE_CACHE_WRITE_TOKENS,
    "cache_write_12h": USAGE_CACHE_WRITE_12H_TOKENS,
    "cache_write_1h": USAGE_CACHE_WRITE_1H_TOKENS,
    "reasoning": USAGE_REASONING_TOKENS,
    "audio_input": USAGE_AUDIO_INPUT_TOKENS,
    "audio_output": USAGE_AUDIO_OUTPUT_TOKENS,
    "image_input": USAGE_IMAGE_INPUT_TOKENS,
    "image_output": USAGE_IMAGE_OUTPUT_TOKENS,
    "video_input": USAGE_VIDEO_INPUT_TOKENS,
    "text_input": USAGE_TEXT_INPUT_TOKENS,
    "text_output": USAGE_TEXT_OUTPUT_TOKENS,
    "audio_cache_read": USAGE_AUDIO_CACHE_READ_TOKENS,
    "image_cache_read": USAGE_IMAGE_CACHE_READ_TOKENS,
    "text_cache_read": USAGE_TEXT_CACHE_READ_TOKENS,
    "accepted_prediction": USAGE_ACCEPTED_PREDICTION_TOKENS,
    "rejected_prediction": USAGE_REJECTED_PREDICTION_TOKENS,
    "audio_seconds": USAGE_AUDIO_SECONDS,
    "characters": USAGE_CHARACTERS,
}
"""Field of ``Usage`` -> attribute; ``total`` has none, the others add up to it."""

TOOL_CALLS: Final = {
    tool: _attribute(f"llmtrace.tools.{tool}.calls", "int", LLMTRACE, f"times the provider {did}")
    for tool, did in {
        "web_search": "searched the web or opened a page of it",
        "file_search": "searched files",
        "code_interpreter": "ran code",
        "image_generation": "made an image",
        "computer": "asked for an action at a computer",
        "mcp": "called a tool of an MCP server",
        "shell": "ran a shell",
    }.items()
}
"""Tool -> how often the provider ran it, by the items of the answer."""

# Money
COST_USD: Final = _attribute("llmtrace.cost.usd", "string", LLMTRACE, "decimal US dollars; absent when not known")
COST_UNPRICED_REASON: Final = _attribute(
    "llmtrace.cost.unpriced_reason", "string", LLMTRACE, "why there is no cost on a call that was answered"
)
COST_PRICE_VERSION: Final = _attribute(
    "llmtrace.cost.price_version", "string", LLMTRACE, "price list or the user's file, and its version"
)
COST_PRICE_MODEL: Final = _attribute(
    "llmtrace.cost.price_model",
    "string",
    LLMTRACE,
    "row that was used: `provider/model` of the price list, or its place in the user's file",
)
COST_ASSUMED_PROVIDER: Final = _attribute(
    "llmtrace.cost.assumed_provider", "string", LLMTRACE, "whose list was used for a host nobody knows: `openai`"
)
COST_TIER: Final = _attribute("llmtrace.cost.tier", "string", LLMTRACE, "`standard`, `flex`, `priority`, ...")
COST_UNIT_PRICES: Final = {
    kind: _attribute(f"llmtrace.cost.unit_price.{name}", "string", LLMTRACE, f"decimal US dollars {meaning}")
    for kind, name, meaning in (
        ("input", "input", "per million input tokens"),
        ("output", "output", "per million output tokens"),
        ("cache_read", "cache_read", "per million tokens read from cache"),
        ("cache_write", "cache_creation", "per million tokens written to cache"),
        ("reasoning", "reasoning", "per million tokens of reasoning, where they have a price of their own"),
        ("audio_input", "audio_input", "per million input tokens of audio, if there were any"),
        ("audio_output", "audio_output", "per million output tokens of audio, if there were any"),
        ("audio_cache_read", "audio_cache_read", "per million tokens of audio read from cache, if there were any"),
        ("image_input", "image_input", "per million input tokens of images, if there were any"),
        ("image_output", "image_output", "per million output tokens of images, if there were any"),
        ("image_cache_read", "image_cache_read", "per million tokens of images read from cache, if there were any"),
        ("video_input", "video_input", "per million input tokens of video, if there were any"),
        ("audio_seconds", "audio_hour", "per hour of audio"),
        ("characters", "characters", "per million characters"),
        ("requests", "requests", "per thousand calls"),
        ("web_search", "web_search", "per web search, if there were any"),
        ("file_search", "file_search", "per file search, if there were any"),
        ("code_interpreter", "code_interpreter", "per run of code, if there were any"),
        ("image_generation", "image_generation", "per image made by a tool, if there were any"),
    )
}
"""Kind of ``Cost`` -> attribute."""
COST_EXCLUDES: Final = _attribute(
    "llmtrace.cost.excludes",
    "string[]",
    LLMTRACE,
    "tools the provider ran and bills apart, at a fee that is not known: not in the cost",
)
COST_SOURCE: Final = _attribute(
    "llmtrace.cost.source",
    "string",
    LLMTRACE,
    "`list`, `negotiated` (the user's own prices), or `local_cache` (no provider was asked: 0)",
)
COST_PARTS: Final = {
    part: _attribute(f"llmtrace.cost.{name}_usd", "string", LLMTRACE, f"part of the cost: {meaning}")
    for part, name, meaning in (
        ("input", "input", "input that was neither read from cache nor written to it"),
        ("cache_read", "cache_read", "input read from cache"),
        ("cache_write", "cache_creation", "input written to cache"),
        ("output", "output", "output, reasoning included"),
        ("requests", "requests", "what the call itself costs"),
        ("tools", "tools", "fees of the provider's tools"),
    )
}
"""Part of ``Cost`` -> attribute, written when there was any."""

# Signals of quality, told without a judge
CONFIDENCE_TOKENS: Final = _attribute(
    "llmtrace.confidence.tokens", "int", LLMTRACE, "output tokens whose log probability was reported, of all choices"
)
CONFIDENCE_UNLIKELY_TOKENS: Final = _attribute(
    "llmtrace.confidence.unlikely_tokens",
    "int",
    LLMTRACE,
    "of these, those reported as -9999 or -Infinity: not in mean, minimum and perplexity",
)
CONFIDENCE_LOW_SHARE: Final = _attribute(
    "llmtrace.confidence.low_share", "double", LLMTRACE, "share of tokens of a probability below 0.5"
)
CONFIDENCE_MEAN_LOGPROB: Final = _attribute(
    "llmtrace.confidence.mean_logprob", "double", LLMTRACE, "mean natural logarithm of the tokens' probabilities"
)
CONFIDENCE_MIN_LOGPROB: Final = _attribute(
    "llmtrace.confidence.min_logprob", "double", LLMTRACE, "that of the least likely token"
)
CONFIDENCE_PERPLEXITY: Final = _attribute(
    "llmtrace.confidence.perplexity", "double", LLMTRACE, "exp(-mean logprob), 1 or more"
)
OUTPUT_REFUSED: Final = _attribute(
    "llmtrace.output.refused", "boolean", LLMTRACE, "whether a choice was refused, by model or content filter"
)
OUTPUT_TRUNCATED: Final = _attribute(
    "llmtrace.output.truncated", "boolean", LLMTRACE, "whether a choice ended at the limit of output tokens"
)
OUTPUT_EMPTY: Final = _attribute(
    "llmtrace.output.empty", "boolean", LLMTRACE, "whether a choice has neither text nor tool call nor other output"
)
OUTPUT_JSON_VALID: Final = _attribute(
    "llmtrace.output.json_valid", "boolean", LLMTRACE, "whether the answer is the JSON that was asked for"
)
OUTPUT_SCHEMA_VALID: Final = _attribute(
    "llmtrace.output.schema_valid", "boolean", LLMTRACE, "whether it satisfies the JSON Schema that was asked for"
)
OUTPUT_UNCHECKED_REASON: Final = _attribute(
    "llmtrace.output.unchecked_reason", "string", LLMTRACE, "why one of the two is not told though it was asked"
)
TOOL_CALLS_JSON_VALID: Final = _attribute(
    "llmtrace.tool_calls.json_valid", "boolean", LLMTRACE, "whether the arguments of every function call are JSON"
)
TOOL_CALLS_SCHEMA_VALID: Final = _attribute(
    "llmtrace.tool_calls.schema_valid", "boolean", LLMTRACE, "whether they satisfy the functions' parameters"
)
TOOL_CALLS_UNCHECKED_REASON: Final = _attribute(
    "llmtrace.tool_calls.unchecked_reason",
    "string",
    LLMTRACE,
    "why one of the two is not told of a call",
)


# Features of the text, which tell nothing of it: LLMTRACE_TEXT_FEATURES
def _feature(name: str, type_: str, meaning: str) -> str:
    return _attribute(name, type_, LLMTRACE, meaning)


INPUT_MESSAGE_COUNT: Final = _feature("llmtrace.input.message_count", "int", "messages sent, instructions included")
INPUT_CHARS: Final = _feature("llmtrace.input.chars", "int", "characters of text in all messages")
INPUT_SYSTEM_CHARS: Final = _feature("llmtrace.input.system_chars", "int", "of these, in system messages")
INPUT_USER_CHARS: Final = _feature("llmtrace.input.user_chars", "int", "of these, in the user's messages")
INPUT_IMAGE_COUNT: Final = _feature("llmtrace.input.image_count", "int", "images sent, when there are any")
INPUT_AUDIO_COUNT: Final = _feature("llmtrace.input.audio_count", "int", "audio parts sent, when there are any")
INPUT_FILE_COUNT: Final = _feature("llmtrace.input.file_count", "int", "files sent, when there are any")
INPUT_LANGUAGE: Final = _feature(
    "llmtrace.input.language", "string", "a guess at the language the user writes: `en`, ...; `und` when not sure"
)
INPUT_SKETCH: Final = _feature(
    "llmtrace.input.sketch", "string", "64 bits, near for near texts, of what the user said; needs a key"
)
OUTPUT_CHARS: Final = _feature("llmtrace.output.chars", "int", "characters of text answered, all choices together")
OUTPUT_TOOL_CALL_COUNT: Final = _feature("llmtrace.output.tool_call_count", "int", "functions called, if any")
OUTPUT_LANGUAGE: Final = _feature("llmtrace.output.language", "string", "the same guess for the answer")
OUTPUT_SKETCH: Final = _feature("llmtrace.output.sketch", "string", "the same of the answer; needs a key")
PROMPT_FINGERPRINT: Final = _feature(
    "llmtrace.prompt.fingerprint", "string", "changes when system prompt or tools do; needs a key"
)
SKETCH_KEY_ID: Final = _feature(
    "llmtrace.sketch.key_id", "string", "tells keys apart: only sketches and fingerprints of one key compare"
)

# Estimates, for calls whose usage was not reported; never mixed with what was
ESTIMATED_INPUT_TOKENS: Final = _attribute(
    "llmtrace.estimated.input_tokens", "int", LLMTRACE, "estimate, where the provider reported no usage"
)
ESTIMATED_OUTPUT_TOKENS: Final = _attribute(
    "llmtrace.estimated.output_tokens", "int", LLMTRACE, "the same of what was answered, as far as it came"
)
ESTIMATED_METHOD: Final = _attribute(
    "llmtrace.estimated.method",
    "string",
    LLMTRACE,
    "the encoding (`o200k_base`, `cl100k_base`) or `approximation`; with `:extrapolated` for very long texts",
)
ESTIMATED_EXCLUDES: Final = _attribute(
    "llmtrace.estimated.excludes",
    "string[]",
    LLMTRACE,
    "what used tokens that are not in the estimate: `images`, `audio`, `files`, `hosted_tools`, `stored_context`, "
    "`reasoning`",
)
ESTIMATED_COST_USD: Final = _attribute(
    "llmtrace.estimated.cost_usd", "string", LLMTRACE, "list price of the estimate, in decimal US dollars"
)

# Content, only when asked for
INPUT_MESSAGES: Final = _attribute("gen_ai.input.messages", "string", GENAI, "JSON; content capture only")
OUTPUT_MESSAGES: Final = _attribute("gen_ai.output.messages", "string", GENAI, "JSON; content capture only")
SYSTEM_INSTRUCTIONS: Final = _attribute("gen_ai.system_instructions", "string", GENAI, "JSON; content capture only")
TOOL_DEFINITIONS: Final = _attribute("gen_ai.tool.definitions", "string", GENAI, "JSON; content capture only")

# The app's own spans
TOOL_NAME: Final = _attribute("gen_ai.tool.name", "string", GENAI, 'name of `llmtrace.span(kind="tool")`')
TOOL_TYPE: Final = _attribute("gen_ai.tool.type", "string", GENAI, "`function`: a tool the app runs itself")
TOOL_DESCRIPTION: Final = _attribute(
    "gen_ai.tool.description", "string", GENAI, "first line of the docstring of a decorated tool"
)
TOOL_CALL_ID: Final = _attribute("gen_ai.tool.call.id", "string", GENAI, "`llmtrace.span(call_id=)`")
AGENT_NAME: Final = _attribute(
    "gen_ai.agent.name", "string", GENAI, 'name of `llmtrace.span(kind="agent")`, or `"plan"`'
)
WORKFLOW_NAME: Final = _attribute("gen_ai.workflow.name", "string", GENAI, 'name of `llmtrace.span(kind="workflow")`')
DATA_SOURCE_ID: Final = _attribute(
    "gen_ai.data_source.id",
    "string",
    GENAI,
    'the vector store that was searched; name of `llmtrace.span(kind="retrieval")`',
)
CODE_FUNCTION_NAME: Final = _attribute("code.function.name", "string", OTEL, "module and name of a decorated function")
TOOL_CALL_ARGUMENTS: Final = _attribute(
    "gen_ai.tool.call.arguments", "string", GENAI, "JSON, of a tool; content capture only"
)
TOOL_CALL_RESULT: Final = _attribute(
    "gen_ai.tool.call.result", "string", GENAI, "JSON, of a tool; content capture only"
)
RETRIEVAL_QUERY: Final = _attribute(
    "gen_ai.retrieval.query.text", "string", GENAI, "first text that went in; content capture only"
)
RETRIEVAL_DOCUMENTS: Final = _attribute(
    "gen_ai.retrieval.documents", "string", GENAI, "JSON, of what a retrieval found; content capture only"
)
RETRIEVAL_COUNT: Final = _attribute(
    "llmtrace.retrieval.documents.count", "int", LLMTRACE, "how many `llmtrace.grounding.retrieval` was told of"
)
RETRIEVAL_TOP_SCORE: Final = _attribute(
    "llmtrace.retrieval.top_score", "double", LLMTRACE, "the largest of their scores, in the units of the search"
)
SPAN_INPUT: Final = _attribute(
    "llmtrace.span.input", "string", LLMTRACE, "JSON, of what went into any other span; content capture only"
)
SPAN_OUTPUT: Final = _attribute(
    "llmtrace.span.output", "string", LLMTRACE, "JSON, of what came out of any other span; content capture only"
)

# Parameters sent, beyond those every provider has
REQUEST_TOP_K: Final = _attribute("gen_ai.request.top_k", "int", GENAI, "as sent, of providers that take it")
RETRIEVAL_TOP_K: Final = _attribute(
    "gen_ai.retrieval.top_k", "int", GENAI, "`max_num_results` of a vector store search, as sent"
)
REQUEST_REASONING_LEVEL: Final = _attribute(
    "gen_ai.request.reasoning.level", "string", GENAI, "`reasoning_effort` or `reasoning.effort` as sent"
)
REQUEST_REASONING_SUMMARY: Final = _attribute(
    "llmtrace.request.reasoning.summary", "string", LLMTRACE, "`reasoning.summary` as sent"
)
REQUEST_VERBOSITY: Final = _attribute(
    "llmtrace.request.verbosity", "string", LLMTRACE, "`verbosity` or `text.verbosity` as sent"
)
REQUEST_TOOL_CHOICE: Final = _attribute(
    "llmtrace.request.tool_choice", "string", LLMTRACE, "`tool_choice` as sent; of an object, its `type`"
)
REQUEST_TOOLS_COUNT: Final = _attribute(
    "llmtrace.request.tools.count", "int", LLMTRACE, "how many tools were offered to the model"
)
REQUEST_TOOL_TYPES: Final = _attribute(
    "llmtrace.request.tools.types", "string[]", LLMTRACE, "their types: `function`, `web_search`, `mcp`, ..."
)
REQUEST_PARALLEL_TOOL_CALLS: Final = _attribute("llmtrace.request.parallel_tool_calls", "boolean", LLMTRACE, "as sent")
REQUEST_MAX_TOOL_CALLS: Final = _attribute("llmtrace.request.max_tool_calls", "int", LLMTRACE, "as sent")
REQUEST_MODALITIES: Final = _attribute("llmtrace.request.modalities", "string[]", LLMTRACE, "as sent")
REQUEST_TRUNCATION: Final = _attribute("llmtrace.request.truncation", "string", LLMTRACE, "as sent")
REQUEST_STORE: Final = _attribute("llmtrace.request.store", "boolean", LLMTRACE, "as sent")
REQUEST_BACKGROUND: Final = _attribute("llmtrace.request.background", "boolean", LLMTRACE, "as sent")
REQUEST_PREVIOUS_RESPONSE: Final = _attribute(
    "gen_ai.request.previous_response.id", "string", GENAI, "the answer this call goes on from, as sent"
)
REQUEST_HAS_PROMPT_CACHE_KEY: Final = _attribute(
    "llmtrace.request.has_prompt_cache_key", "boolean", LLMTRACE, "set, and true, when one was sent; it may be private"
)
REQUEST_PROMPT_CACHE_RETENTION: Final = _attribute(
    "llmtrace.request.prompt_cache_retention", "string", LLMTRACE, "as sent"
)
REQUEST_INPUTS_COUNT: Final = _attribute(
    "llmtrace.request.inputs.count", "int", LLMTRACE, "how many inputs an embeddings or moderations call had"
)
REQUEST_INPUT_CHARACTERS: Final = _attribute(
    "llmtrace.request.input.characters", "int", LLMTRACE, "length of the text that is to be spoken"
)
REQUEST_IMAGE_SIZE: Final = _attribute("llmtrace.request.image.size", "string", LLMTRACE, "`size` of images, as sent")
REQUEST_IMAGE_QUALITY: Final = _attribute(
    "llmtrace.request.image.quality", "string", LLMTRACE, "`quality` of images, as sent"
)
REQUEST_IMAGE_FORMAT: Final = _attribute(
    "llmtrace.request.image.output_format", "string", LLMTRACE, "`output_format` of images, as sent"
)
REQUEST_IMAGE_BACKGROUND: Final = _attribute(
    "llmtrace.request.image.background", "string", LLMTRACE, "`background` of images, as sent"
)
REQUEST_VOICE: Final = _attribute("llmtrace.request.audio.voice", "string", LLMTRACE, "as sent; of an object, its id")
REQUEST_AUDIO_FORMAT: Final = _attribute(
    "llmtrace.request.audio.format", "string", LLMTRACE, "format of the speech or the transcript, as sent"
)
REQUEST_AUDIO_SPEED: Final = _attribute("llmtrace.request.audio.speed", "double", LLMTRACE, "as sent")
REQUEST_LANGUAGE: Final = _attribute(
    "llmtrace.request.audio.language", "string", LLMTRACE, "`language` of a recording, as sent"
)
REQUEST_VIDEO_SECONDS: Final = _attribute("llmtrace.request.video.seconds", "double", LLMTRACE, "as sent")
REQUEST_VIDEO_SIZE: Final = _attribute("llmtrace.request.video.size", "string", LLMTRACE, "as sent")

# What answers say of themselves, beyond what every provider tells
RESPONSE_INCOMPLETE_REASON: Final = _attribute(
    "llmtrace.response.incomplete_reason", "string", LLMTRACE, "why a responses answer is incomplete, as reported"
)
RESPONSE_CHOICES_COUNT: Final = _attribute(
    "llmtrace.response.choices.count", "int", LLMTRACE, "how many choices a chat or text completion has"
)
RESPONSE_ITEMS_COUNT: Final = _attribute(
    "llmtrace.response.output_items.count", "int", LLMTRACE, "how many output items a responses answer has"
)
RESPONSE_TOOL_CALLS_COUNT: Final = _attribute(
    "llmtrace.response.tool_calls.count", "int", LLMTRACE, "how many calls of the app's tools the model asked for"
)
RESPONSE_TOOL_CALL_NAMES: Final = _attribute(
    "llmtrace.response.tool_calls.names", "string[]", LLMTRACE, "which tools, each once, at most 32"
)
RESPONSE_CITATIONS_COUNT: Final = _attribute(
    "llmtrace.response.citations.count", "int", LLMTRACE, "how many sources the answer cites"
)
RESPONSE_PREVIOUS_RESPONSE: Final = _attribute(
    "llmtrace.response.previous_response_id", "string", LLMTRACE, "the answer this one goes on from, as reported"
)
RESPONSE_CACHE_DIAGNOSIS: Final = _attribute(
    "llmtrace.response.prompt_cache.diagnosis", "string", LLMTRACE, "`type` of `prompt_cache_diagnostics`, as reported"
)
RESPONSE_CACHE_MISS_REASON: Final = _attribute(
    "llmtrace.response.prompt_cache.miss_reason", "string", LLMTRACE, "`reason` of the same"
)
RESPONSE_UPSTREAM: Final = _attribute(
    "llmtrace.response.upstream_provider", "string", LLMTRACE, "who ran the model behind a router, as reported"
)
RESPONSE_NATIVE_FINISH_REASONS: Final = _attribute(
    "llmtrace.response.native_finish_reasons", "string[]", LLMTRACE, "the finish reasons in that provider's own words"
)
RESPONSE_QUEUE_TIME: Final = _attribute(
    "llmtrace.response.queue_time", "double", LLMTRACE, "seconds in the provider's queue, as reported (Groq)"
)
COST_REPORTED: Final = _attribute(
    "llmtrace.cost.reported",
    "string",
    LLMTRACE,
    "decimal amount the provider itself says the call cost: US dollars (Perplexity), credits worth one (OpenRouter)",
)
USAGE_SEARCH_QUERIES: Final = _attribute(
    "llmtrace.usage.search_queries", "int", LLMTRACE, "searches of the web, as reported (Perplexity)"
)
RESPONSE_AUDIO_SECONDS: Final = _attribute(
    "llmtrace.response.audio.seconds", "double", LLMTRACE, "how long the recording is, as reported"
)
RESPONSE_LANGUAGE: Final = _attribute(
    "llmtrace.response.audio.language", "string", LLMTRACE, "language of the recording, as reported"
)
RESPONSE_AUDIO_BYTES: Final = _attribute("llmtrace.response.audio.bytes", "int", LLMTRACE, "how much speech came")
RESPONSE_IMAGES_COUNT: Final = _attribute("llmtrace.response.images.count", "int", LLMTRACE, "how many images came")
RESPONSE_IMAGE_SIZE: Final = _attribute("llmtrace.response.image.size", "string", LLMTRACE, "as reported")
RESPONSE_IMAGE_QUALITY: Final = _attribute("llmtrace.response.image.quality", "string", LLMTRACE, "as reported")
RESPONSE_IMAGE_FORMAT: Final = _attribute("llmtrace.response.image.output_format", "string", LLMTRACE, "as reported")
RESPONSE_RESULTS_COUNT: Final = _attribute(
    "llmtrace.response.results.count", "int", LLMTRACE, "how many documents a vector store search found"
)
TOKEN_COUNT: Final = _attribute(
    "llmtrace.token_count.input_tokens",
    "int",
    LLMTRACE,
    "answer of the input-token count: what a call would use, used by none",
)

# Verdicts: without content
MODERATION_FLAGGED: Final = _attribute(
    "llmtrace.moderation.flagged", "boolean", LLMTRACE, "whether the moderation model flagged anything"
)
MODERATION_CATEGORIES: Final = _attribute(
    "llmtrace.moderation.categories", "string[]", LLMTRACE, "the categories flagged, each once"
)
MODERATION_FLAGGED_COUNT: Final = _attribute(
    "llmtrace.moderation.flagged.count", "int", LLMTRACE, "how many of the inputs were flagged"
)
MODERATION_FLAGGED_PARTS: Final = _attribute(
    "llmtrace.moderation.flagged.parts",
    "string[]",
    LLMTRACE,
    "of a call with `moderation`: `input`, `output`, whichever was flagged",
)
FILTER_PROMPT: Final = _attribute(
    "llmtrace.content_filter.prompt", "string[]", LLMTRACE, "Azure's filters that found something in the prompt"
)
FILTER_COMPLETION: Final = _attribute(
    "llmtrace.content_filter.completion", "string[]", LLMTRACE, "Azure's filters that found something in the answer"
)
FILTER_WITHHELD: Final = _attribute(
    "llmtrace.content_filter.withheld", "string[]", LLMTRACE, "those of them that stopped the prompt or the answer"
)
DECISION_QUESTIONS_COUNT: Final = _attribute(
    "llmtrace.decision.questions.count", "int", LLMTRACE, "how many questions a decisions call asked"
)
DECISION_REFUSALS_COUNT: Final = _attribute(
    "llmtrace.decision.refusals.count", "int", LLMTRACE, "how many of them the model refused to answer"
)

# Jobs, files, stores: what a call made or fetched
OBJECT_TYPE: Final = _attribute(
    "llmtrace.object.type", "string", LLMTRACE, "`object` of what was made or fetched: `batch`, `fine_tuning.job`, ..."
)
OBJECT_ID: Final = _attribute("llmtrace.object.id", "string", LLMTRACE, "its id")
OBJECT_STATUS: Final = _attribute("llmtrace.object.status", "string", LLMTRACE, "its status, as reported")
OBJECT_PROGRESS: Final = _attribute("llmtrace.object.progress", "int", LLMTRACE, "percent of a video that is done")
OBJECT_ERROR_CODE: Final = _attribute(
    "llmtrace.object.error.code", "string", LLMTRACE, "why a job failed; the call that asks for it did not"
)
AGENT_ID: Final = _attribute("gen_ai.agent.id", "string", GENAI, "the assistant or agent made or run")
BATCH_ENDPOINT: Final = _attribute("llmtrace.batch.endpoint", "string", LLMTRACE, "what the batch calls, as reported")
BATCH_REQUESTS_TOTAL: Final = _attribute("llmtrace.batch.requests.total", "int", LLMTRACE, "as reported")
BATCH_REQUESTS_COMPLETED: Final = _attribute("llmtrace.batch.requests.completed", "int", LLMTRACE, "as reported")
BATCH_REQUESTS_FAILED: Final = _attribute("llmtrace.batch.requests.failed", "int", LLMTRACE, "as reported")
BATCH_INPUT_TOKENS: Final = _attribute(
    "llmtrace.batch.usage.input_tokens", "int", LLMTRACE, "of the whole batch so far; each fetch tells it again"
)
BATCH_OUTPUT_TOKENS: Final = _attribute("llmtrace.batch.usage.output_tokens", "int", LLMTRACE, "likewise")
FINE_TUNED_MODEL: Final = _attribute("llmtrace.fine_tuning.model", "string", LLMTRACE, "the model that came of it")
FINE_TUNING_TOKENS: Final = _attribute(
    "llmtrace.fine_tuning.trained_tokens", "int", LLMTRACE, "tokens that are billed for training, as reported"
)
VIDEO_SECONDS: Final = _attribute("llmtrace.response.video.seconds", "double", LLMTRACE, "as reported")
VIDEO_SIZE: Final = _attribute("llmtrace.response.video.size", "string", LLMTRACE, "as reported")

# Attributes of metrics alone
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105
TOKEN_MODALITY: Final = "gen_ai.token.modality"  # noqa: S105


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric."""

    name: str
    instrument: Literal["histogram", "counter"]
    unit: str
    """By UCUM."""
    source: str
    meaning: str
    attributes: tuple[str, ...] = ()
    """Beyond those that every metric has: operation, provider, models and server."""
    buckets: tuple[float, ...] = ()
    """Explicit boundaries the source recommends."""


METRICS: Final[dict[str, Metric]] = {}

_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = tuple(float(4**power) for power in range(14))


def _histogram(name: str, unit: str, source: str, meaning: str, *attributes: str) -> str:
    buckets = _SECONDS if unit == "s" else _TOKENS
    METRICS[name] = Metric(
        name=name,
        instrument="histogram",
        unit=unit,
        source=source,
        meaning=meaning,
        attributes=attributes,
        buckets=buckets,
    )
    return name


def _counter(name: str, unit: str, source: str, meaning: str, *attributes: str) -> str:
    METRICS[name] = Metric(
        name=name, instrument="counter", unit=unit, source=source, meaning=meaning, attributes=attributes
    )
    return name


# Metrics as they were last released
OPERATION_DURATION: Final = _histogram(
    "gen_ai.client.operation.duration",
    "s",
    GENAI_RELEASED,
    "how long a call took, retries included; with the latest names only calls that are no inference",
    ERROR_TYPE,
)
TOKEN_USAGE: Final = _histogram(
    "gen_ai.client.token.usage", "{token}", GENAI_RELEASED, "tokens of a call, as reported", TOKEN_TYPE
)
OPERATION_TIME_TO_FIRST_CHUNK: Final = _histogram(
    "gen_ai.client.operation.time_to_first_chunk", "s", GENAI_RELEASED, "from the start to the first event of a stream"
)
OPERATION_TIME_PER_OUTPUT_CHUNK: Final = _histogram(
    "gen_ai.client.operation.time_per_output_chunk",
    "s",
    GENAI_RELEASED,
    "from one event of a stream to the next; one measurement for each event after the first",
)

# The same under their latest names
INFERENCE_DURATION: Final = _histogram(
    "gen_ai.client.inference.duration", "s", GENAI_LATEST, "how long an inference took, retries included", ERROR_TYPE
)
INFERENCE_TIME_TO_FIRST_CHUNK: Final = _histogram(
    "gen_ai.client.inference.time_to_first_chunk", "s", GENAI_LATEST, "from the start to the first event of a stream"
)
INFERENCE_TIME_PER_OUTPUT_CHUNK: Final = _histogram(
    "gen_ai.client.inference.time_per_output_chunk",
    "s",
    GENAI_LATEST,
    "from one event of a stream to the next; one measurement for each event after the first",
)
INFERENCE_INPUT_TOKENS: Final = _counter(
    "gen_ai.client.inference.usage.input_tokens",
    "{token}",
    GENAI_LATEST,
    "input tokens as reported, cached ones included; 0 when none were reported",
    TOKEN_MODALITY,
)
INFERENCE_OUTPUT_TOKENS: Final = _counter(
    "gen_ai.client.inference.usage.output_tokens",
    "{token}",
    GENAI_LATEST,
    "output tokens as reported, reasoning included; 0 when none were reported",
    TOKEN_MODALITY,
)
INFERENCE_CACHE_READ_TOKENS: Final = _counter(
    "gen_ai.client.inference.usage.cache_read.input_tokens",
    "{token}",
    GENAI_LATEST,
    "part of the input tokens",
    TOKEN_MODALITY,
)
INFERENCE_CACHE_WRITE_TOKENS: Final = _counter(
    "gen_ai.client.inference.usage.cache_write.input_tokens",
    "{token}",
    GENAI_LATEST,
    "part of the input tokens",
    TOKEN_MODALITY,
)
INFERENCE_REASONING_TOKENS: Final = _counter(
    "gen_ai.client.inference.usage.reasoning.output_tokens",
    "{token}",
    GENAI_LATEST,
    "part of the output tokens",
    TOKEN_MODALITY,
)
INFERENCE_INPUT_TOKENS_EACH: Final = _histogram(
    "gen_ai.client.inference.operation.input_tokens",
    "{token}",
    GENAI_LATEST,
    "input tokens of one call, as reported: for percentiles, not for sums",
    ERROR_TYPE,
)
INFERENCE_OUTPUT_TOKENS_EACH: Final = _histogram(
    "gen_ai.client.inference.operation.output_tokens",
    "{token}",
    GENAI_LATEST,
    "output tokens of one call, as reported: for percentiles, not for sums",
    ERROR_TYPE,
)

# What the conventions have no metric for
TIME_TO_FIRST_TOKEN: Final = _histogram(
    "llmtrace.time_to_first_token", "s", LLMTRACE, "from the start to the first event of a stream that carries content"
)
COST: Final = _counter(
    "llmtrace.cost", "USD", LLMTRACE, "list price of the calls whose price is known; a double, so no ledger"
)
UNPRICED_CALLS: Final = _counter(
    "llmtrace.unpriced_calls", "{call}", LLMTRACE, "answered calls without a known price", COST_UNPRICED_REASON
)
RETRIES: Final = _counter(
    "llmtrace.retries", "{retry}", LLMTRACE, "attempts that failed and that the client made again", ERROR_TYPE
)

# Of other instrumentations, to know them by
USAGE_CACHE_CREATION_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
"""What the conventions called ``cache_write`` before their pull request 440."""
OPENINFERENCE_SPAN_KIND: Final = "openinference.span.kind"
TRACELOOP_REQUEST_TYPE: Final = "llm.request.type"

# Resource attributes, for the readers of our data
SERVICE_NAME: Final = "service.name"
DISTRO_NAME: Final = "telemetry.distro.name"
DISTRO_VERSION: Final = "telemetry.distro.version"

# Events, and what only they have
OPERATION_DETAILS_EVENT: Final = "gen_ai.client.inference.operation.details"
"""GENAI, ``docs/gen-ai/gen-ai-events.md``."""
OPERATION_EXCEPTION_EVENT: Final = "gen_ai.client.operation.exception"
"""GENAI, ``docs/gen-ai/gen-ai-exceptions.md``."""
EXCEPTION_TYPE: Final = "exception.type"
"""OTEL; so is the next."""
EXCEPTION_MESSAGE: Final = "exception.message"

# Events that the collector keeps as scores and feedback (GENAI ``docs/gen-ai/gen-ai-events.md``; LLMTRACE)
EVENT_NAME: Final = "event.name"
"""Of a log record sent by an SDK without the field of that name (OTEL)."""
EVALUATION_EVENT: Final = "gen_ai.evaluation.result"
GUARDRAIL_STAGE: Final = "llmtrace.guardrail.stage"
"""Of a verdict of a guardrail as an event."""
EVALUATION_NAME: Final = "gen_ai.evaluation.name"
EVALUATION_SCORE_VALUE: Final = "gen_ai.evaluation.score.value"
EVALUATION_SCORE_LABEL: Final = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"
FEEDBACK_EVENT: Final = "llmtrace.feedback"
FEEDBACK_ID: Final = "llmtrace.feedback.id"
"""Of one statement: what comes twice under one id was said once."""
FEEDBACK_NAME: Final = "llmtrace.feedback.name"
FEEDBACK_VALUE: Final = "llmtrace.feedback.value"
FEEDBACK_LABEL: Final = "llmtrace.feedback.label"
FEEDBACK_COMMENT: Final = "llmtrace.feedback.comment"
FEEDBACK_CORRECTION: Final = "llmtrace.feedback.correction"


def is_standard(name: str) -> bool:
    """Whether an attribute is one of the conventions, not one of ours or of the app's."""
    known = ATTRIBUTES.get(name)
    return known is not None and known.source != LLMTRACE


SCOPE_NAME: Final = "llmtrace"
"""Instrumentation scope of our spans; the exporter on an app's provider passes only this one."""

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.41.1"
