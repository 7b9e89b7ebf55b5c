"""What a filter can ask for: words for people, and the expressions over `spans` they stand for.

Column names are those of docs/reference/tables.md, written with their table: a query may use the bare name for
something it makes of the column.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from llmtrace import semconv


class Kind(StrEnum):
    """What values a field has, and their unit."""

    TEXT = "text"
    TEXTS = "texts"
    """An array of texts, of which one must be it."""
    SECONDS = "seconds"
    DOLLARS = "dollars"
    SHARE = "share"
    COUNT = "count"
    NUMBER = "number"
    """Without a unit."""

    @property
    def numeric(self) -> bool:
        """Whether values compare as numbers."""
        return self not in {Kind.TEXT, Kind.TEXTS}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One word of the grammar."""

    word: str
    kind: Kind
    sql: str
    about: str
    also: tuple[str, ...] = ()
    """Other words for it."""


def _text(word: str, about: str, *also: str, sql: str = "", kind: Kind = Kind.TEXT) -> Field:
    return Field(word=word, kind=kind, sql=sql or f"spans.{word}", about=about, also=also)


def _number(word: str, kind: Kind, sql: str, about: str, *also: str) -> Field:
    return Field(word=word, kind=kind, sql=sql, about=about, also=also)


_FIELDS = (
    _text("model", "as asked for, else as answered"),
    _text("request_model", "as asked for"),
    _text("response_model", "as answered"),
    _text("provider", "openai, azure.ai.openai, ...", "prov"),
    _text("project", "of the API key", "p"),
    _text("environment", "production, staging, ...", "env"),
    _text("service", "the app that called", "svc", sql="spans.service_name"),
    _text("service_version", "of that app", sql="spans.resource_attributes['service.version']"),
    _text("status", "ok or error", sql="if(spans.status_code = 'ERROR', 'error', 'ok')"),
    _text("user", "whom the call was for", sql="spans.user_id"),
    _text("session", "the conversation", sql="spans.session_id"),
    _text("feature", "the part of the app", "route"),
    _text("team", "who pays"),
    _text("tag", "one of the call's tags", sql="spans.tags", kind=Kind.TEXTS),
    _text("prompt", "the name of the stored prompt", "prompt_name", sql="spans.prompt_name"),
    _text("prompt_version", "its version", "pv"),
    _text("operation", "chat, embeddings, execute_tool, ...", "op"),
    _text("name", "of the span"),
    _text("agent", "the agent's name", sql="spans.agent_name"),
    _text("tool", "the tool's name", sql="spans.tool_name"),
    _text("error", "its type: RateLimitError, timeout, ...", "error_type", sql="spans.error_type"),
    _text(
        "finish", "why an answer ended: stop, length, ...", "finish_reason", sql="spans.finish_reasons", kind=Kind.TEXTS
    ),
    _text("tier", "the service tier: default, flex, priority, ...", "service_tier", sql="spans.service_tier"),
    _text("fingerprint", "of the provider's backend", "system_fingerprint", sql="spans.system_fingerprint"),
    _text("server", "the host that was asked", sql=f"spans.attributes['{semconv.SERVER_ADDRESS}']"),
    _text("stream", "yes or no", sql="if(spans.stream, 'yes', 'no')"),
    _text(
        "guard", "the verdict of guardrails: block, redact, ...", sql=f"spans.attributes['{semconv.GUARDRAIL_VERDICT}']"
    ),
    _text("trace", "32 hexadecimal digits", "trace_id", sql="spans.trace_id"),
    _text("span", "16 hexadecimal digits", "span_id", sql="spans.span_id"),
    _text("response", "the provider's id of the answer", "response_id", sql="spans.response_id"),
    _number("latency", Kind.SECONDS, "spans.duration_ns / 1e9", "from request to the end of the answer", "duration"),
    _number("ttft", Kind.SECONDS, "spans.time_to_first_token_ns / 1e9", "to the first token", "time_to_first_token"),
    _number("cost", Kind.DOLLARS, "toFloat64(spans.cost_usd)", "as the span tells it"),
    _number("tokens", Kind.COUNT, "spans.input_tokens + spans.output_tokens", "in and out"),
    _number("input_tokens", Kind.COUNT, "spans.input_tokens", "cached ones included"),
    _number("output_tokens", Kind.COUNT, "spans.output_tokens", "reasoning included"),
    _number("cached_tokens", Kind.COUNT, "spans.cached_input_tokens", "read from the provider's cache"),
    _number("reasoning_tokens", Kind.COUNT, "spans.reasoning_output_tokens", "of the output"),
    _number(
        "tokens_per_second",
        Kind.NUMBER,
        "spans.output_tokens / nullIf(spans.duration_ns, 0) * 1e9",
        "of output, over the whole call",
    ),
    _number("unlikely_share", Kind.SHARE, "spans.unlikely_share", "of output tokens less likely than not"),
    _number(
        "retries",
        Kind.COUNT,
        f"toUInt64OrZero(spans.attributes['{semconv.RETRY_COUNT}'])",
        "how often the client tried again",
    ),
)

FIELDS: dict[str, Field] = {field.word: field for field in _FIELDS}
"""By word, in the order of docs."""

ALIASES: dict[str, str] = {also: field.word for field in _FIELDS for also in field.also}

FLAGS: dict[str, tuple[str, str]] = {
    "call": ("spans.is_call", "a request to a model provider"),
    "root": ("spans.parent_span_id = ''", "the first span of a trace"),
    "error": ("spans.status_code = 'ERROR'", "it failed"),
    "ok": ("spans.status_code != 'ERROR'", "it did not fail"),
    "stream": ("spans.stream", "the answer was streamed"),
    "retried": (f"mapContains(spans.attributes, '{semconv.RETRY_COUNT}')", "the client tried more than once"),
    "rate_limited": (
        "spans.error_type IN ('429', 'RateLimitError', 'rate_limit_exceeded')",
        "refused for asking too much",
    ),
    "refused": ("spans.output_refused", "a choice was refused"),
    "truncated": ("spans.output_truncated", "a choice ended at the limit of output tokens"),
    "empty": ("spans.output_empty", "a choice has neither text nor tool call"),
    "invalid_json": ("NOT spans.json_valid", "not the JSON that was asked for"),
    "invalid_schema": ("NOT spans.schema_valid", "not by the JSON Schema that was asked for"),
    "invalid_tool_call": (
        "NOT (spans.tool_calls_json_valid AND ifNull(spans.tool_calls_schema_valid, true))",
        "arguments of a function call are wrong",
    ),
    "unpriced": ("spans.is_call AND spans.status_code != 'ERROR' AND isNull(spans.cost_usd)", "no price known"),
    "cached": ("spans.cached_input_tokens > 0", "the provider's cache had a part of the input"),
    "cache_miss": ("spans.cached_input_tokens = 0", "it had none of it"),
    "sampled": ("spans.sampling_weight != 1", "it stands for others that are not stored"),
}
"""Conditions after `is:`: expression (NULL counts as no) and meaning."""

CHILDREN = {
    "score": "what an evaluator found: a number, or a label",
    "feedback": "what people said: a number, or a label",
    "attr": "an attribute of the span",
    "resource": "an attribute of its resource",
}
"""Words that take a name after a dot."""
