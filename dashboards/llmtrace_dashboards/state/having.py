"""The word `has` of older links: `has=name:value`, as terms of the grammar that took its place.

Values of one name widen, names narrow, and any of them means calls alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from llmtrace.filters import Term, Value, parse

_WORDS = {
    "prompt_version": "prompt_version",
    "prompt_name": "prompt",
    "response_model": "response_model",
    "system_fingerprint": "fingerprint",
    "service_tier": "tier",
    "provider": "provider",
    "error_type": "error",
    "finish_reason": "finish",
    "feature": "feature",
    "team": "team",
    "service_version": "service_version",
    "operation": "operation",
    "stream": "stream",
    "agent": "agent",
    "tool": "tool",
    "tag": "tag",
    "server": "server",
    "session": "session",
}
_FLAGS = {
    "rate_limits": "rate_limited",
    "refusals": "refused",
    "truncations": "truncated",
    "empty_outputs": "empty",
    "invalid_json": "invalid_json",
    "invalid_schema": "invalid_schema",
    "invalid_tool_calls": "invalid_tool_call",
    "unpriced": "unpriced",
    "cache_misses": "cache_miss",
    "retries": "retried",
}
_LIMITS = {
    "latency_above": "latency",
    "time_to_first_token_above": "ttft",
    "input_tokens_per_call_above": "input_tokens",
    "output_tokens_per_call_above": "output_tokens",
    "cost_per_call_above": "cost",
    "unlikely_share_above": "unlikely_share",
}
_LONGEST_VALUE = 256


def fits(word: str) -> bool:
    """Whether `word` is a known name, a colon and a value it may have."""
    name, colon, value = word.partition(":")
    if not colon or not 0 < len(value) <= _LONGEST_VALUE or not value.isprintable():
        return False
    if name in _LIMITS:
        return len(value) <= 18 and value.replace(".", "", 1).isascii() and value.replace(".", "", 1).isdigit()
    if name == "stream":
        return value in {"yes", "no"}
    return name in _WORDS or (name in _FLAGS and value == "yes")


def terms(words: Sequence[str]) -> tuple[Term, ...]:
    """What `words` that fit ask for."""
    if not words:
        return ()
    pairs = [word.partition(":")[::2] for word in words]
    found = [
        Term(word=word, values=tuple(Value(text=value) for given, value in pairs if given == name))
        for name, word in _WORDS.items()
        if any(given == name for given, _ in pairs)
    ]
    for name, value in pairs:
        if name in _FLAGS:
            found.append(Term(word="is", values=(Value(text=_FLAGS[name]),)))
        elif name in _LIMITS:
            found.extend(parse(f"{_LIMITS[name]}>{value}"))
    return (*found, Term(word="is", values=(Value(text="call"),)))
