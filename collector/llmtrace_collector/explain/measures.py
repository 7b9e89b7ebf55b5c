"""What calls may stand out in, as expressions over `spans`.

A condition is NULL where it cannot be told: such a call is neither among those that meet it nor among the others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A call meets it or does not."""

    sql: str
    those: str
    """The calls that meet it, in a sentence: "failing calls"."""
    effects: tuple[str, ...] = ()
    """Attributes that only such calls have: compared with such calls of the reference, not with the others."""
    unanswered: bool = False
    """Such calls have no answer, and so none of what only answers have."""


@dataclass(frozen=True, kw_only=True)
class Quantile:
    """A figure of a call, of which high ones are odd."""

    sql: str
    """In `unit`, or NULL."""
    those: str
    unit: str = "s"
    """`s`, `tokens`, `USD`, or none."""


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A figure of a call that adds up."""

    sql: str
    """Not NULL."""
    name: str
    """In a sentence: "spend"."""
    money: bool = False


CONDITIONS = {
    "errors": Condition(sql="status_code = 'ERROR'", those="failing calls", effects=("error_type",), unanswered=True),
    "rate_limits": Condition(
        sql="error_type IN ('429', 'RateLimitError', 'rate_limit_exceeded')",
        those="rate-limited calls",
        effects=("error_type",),
        unanswered=True,
    ),
    "refusals": Condition(sql="output_refused", those="refused calls", effects=("finish_reason",)),
    "truncations": Condition(sql="output_truncated", those="truncated calls", effects=("finish_reason",)),
    "empty_outputs": Condition(sql="output_empty", those="calls without an answer"),
    "invalid_json": Condition(sql="NOT json_valid", those="calls with invalid JSON"),
    "invalid_schema": Condition(sql="NOT schema_valid", those="calls whose answer breaks its schema"),
    "invalid_tool_calls": Condition(
        sql="NOT (tool_calls_json_valid AND ifNull(tool_calls_schema_valid, true))",
        those="calls with invalid tool calls",
    ),
    "unpriced": Condition(
        sql="if(status_code = 'ERROR', NULL, isNull(spans.cost_usd))", those="calls without a known price"
    ),
    "retries": Condition(sql="mapContains(attributes, 'llmtrace.retry.count')", those="calls that were tried again"),
    "cache_misses": Condition(sql="cached_input_tokens = 0", those="calls without cached input"),
}

QUANTILES = {
    "latency": Quantile(sql="duration_ns / 1e9", those="slow calls"),
    "time_to_first_token": Quantile(sql="time_to_first_token_ns / 1e9", those="calls with a late first token"),
    "input_tokens_per_call": Quantile(sql="spans.input_tokens", those="calls with long input", unit="tokens"),
    "output_tokens_per_call": Quantile(sql="spans.output_tokens", those="calls with long output", unit="tokens"),
    "cost_per_call": Quantile(sql="toFloat64(spans.cost_usd)", those="dear calls", unit="USD"),
    "unlikely_share": Quantile(sql="unlikely_share", those="calls with unlikely output", unit=""),
}

AMOUNTS = {
    "cost": Amount(sql="toFloat64(ifNull(corrected_cost_usd, 0))", name="spend", money=True),
    "calls": Amount(sql="sampling_weight", name="calls"),
    "tokens": Amount(
        sql="sampling_weight * (ifNull(spans.input_tokens, 0) + ifNull(spans.output_tokens, 0))", name="tokens"
    ),
    "input_tokens": Amount(sql="sampling_weight * ifNull(spans.input_tokens, 0)", name="input tokens"),
    "output_tokens": Amount(sql="sampling_weight * ifNull(spans.output_tokens, 0)", name="output tokens"),
}
