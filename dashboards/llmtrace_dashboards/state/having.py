"""The word `has` of the URL: `has=name:value`, for what has no word of its own. Explanations of alerts link by it.

Values of one name widen, names narrow, and any of them means calls alone.
"""

from __future__ import annotations

from collections.abc import Sequence

ATTRIBUTES = (
    "prompt_version",
    "prompt_name",
    "response_model",
    "system_fingerprint",
    "service_tier",
    "provider",
    "error_type",
    "finish_reason",
    "feature",
    "team",
    "service_version",
    "operation",
    "stream",
    "agent",
    "tool",
    "tag",
    "server",
    "session",
)
"""Names of any value."""

CONDITIONS = (
    "rate_limits",
    "refusals",
    "truncations",
    "empty_outputs",
    "invalid_json",
    "invalid_schema",
    "invalid_tool_calls",
    "unpriced",
    "cache_misses",
    "retries",
)
"""Names whose value is `yes`."""

LIMITS = (
    "latency_above",
    "time_to_first_token_above",
    "input_tokens_per_call_above",
    "output_tokens_per_call_above",
    "cost_per_call_above",
    "unlikely_share_above",
)
"""Names whose value is a number: of seconds, tokens, dollars, or a share."""

NAMES = (*ATTRIBUTES, *CONDITIONS, *LIMITS)
"""In the order of `queries/sql/_has.sql`."""

_LONGEST_VALUE = 256


def fits(word: str) -> bool:
    """Whether `word` is a known name, a colon and a value it may have."""
    name, colon, value = word.partition(":")
    if not colon or len(value) > _LONGEST_VALUE or not value.isprintable():
        return False
    if name in LIMITS:
        return value.replace(".", "", 1).isascii() and value.replace(".", "", 1).isdigit()
    return name in ATTRIBUTES or (name in CONDITIONS and value == "yes")


def by_name(words: Sequence[str]) -> list[list[str]]:
    """The values of each of NAMES, in order; of no words nothing."""
    if not words:
        return []
    pairs = [word.partition(":")[::2] for word in words]
    return [[value for found, value in pairs if found == name] for name in NAMES]
