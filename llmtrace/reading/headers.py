"""Response headers into ``Headers``: whose answer it was, how long it took to make, and what is left of the allowances.

Providers spell them differently; each line of the tables names one spelling, and the first that has a value wins. What
is nonsense is as good as absent. Sources: https://platform.openai.com/docs/guides/rate-limits (OpenAI; Groq, xAI and
Azure answer likewise), https://docs.claude.com/en/api/rate-limits (Anthropic),
https://inference-docs.cerebras.ai/support/rate-limits (Cerebras), https://docs.together.ai/docs/rate-limits (Together).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from llmtrace.calls import Headers, RateLimit
from llmtrace.reading.json_values import MAX_INT

_REQUEST_IDS: Final = (
    "x-request-id",  # OpenAI and most who speak its format
    "apim-request-id",  # Azure, as its support asks for it
    "x-ms-request-id",
    "request-id",  # Anthropic
    "x-amzn-requestid",  # Bedrock
    "mistral-correlation-id",
    "x-ds-trace-id",  # DeepSeek
    "x-generation-id",  # OpenRouter
)
_PROCESSING_MS: Final = ("openai-processing-ms", "x-envoy-upstream-service-time")
_REGIONS: Final = ("x-ms-region",)


def _spelled(*headers: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((each.format("limit"), each.format("remaining"), each.format("reset")) for each in headers)


# Of each kind of allowance: how `limit`, `remaining` and `reset` stand in a header's name.
_REQUESTS: Final = _spelled(
    "x-ratelimit-{}-requests",
    "anthropic-ratelimit-requests-{}",
    "x-ratelimit-{}-requests-day",  # Cerebras
    "x-ratelimit-{}",  # Together, OpenRouter
)
_TOKENS: Final = _spelled(
    "x-ratelimit-{}-tokens",
    "anthropic-ratelimit-tokens-{}",
    "x-ratelimit-{}-tokens-minute",  # Cerebras
    "x-tokenlimit-{}",  # Together
)
_UNTOLD: Final = RateLimit()

_ID: Final = re.compile(r"[A-Za-z0-9_.:/=+@-]{1,128}")
_REGION: Final = re.compile(r"[A-Za-z0-9 _-]{1,64}")
_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_DURATION: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|us|h|m|s))+")
_PIECE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|us|h|m|s)")
_UNIT_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}
_MAX_PLAIN_S: Final = 1e9
"""A larger plain number is no span of time but a time of the epoch."""
_MAX_EPOCH_S: Final = 1e11
"""A larger one than this is in milliseconds."""


def read_headers(headers: Mapping[str, str]) -> Headers:
    """What the headers of an answer tell, whatever the case of their names."""
    headers = {name.lower(): value for name, value in headers.items()}  # the HTTP library's own look-up is a search
    processing_ms = next(_numbers(headers, _PROCESSING_MS), None)
    return Headers(
        request_id=_matching(headers, _REQUEST_IDS, _ID),
        region=_matching(headers, _REGIONS, _REGION),
        processing_s=None if processing_ms is None else processing_ms / 1000,
        requests=_rate_limit(headers, _REQUESTS),
        tokens=_rate_limit(headers, _TOKENS),
    )


def _rate_limit(headers: Mapping[str, str], spellings: tuple[tuple[str, str, str], ...]) -> RateLimit:
    for limit, remaining, reset in spellings:
        if limit in headers or remaining in headers or reset in headers:
            found = RateLimit(
                limit=_count(headers.get(limit)),
                remaining=_count(headers.get(remaining)),
                reset_s=_seconds(headers.get(reset), headers.get("date")),
            )
            if found != _UNTOLD:
                return found
    return _UNTOLD


def _matching(headers: Mapping[str, str], names: tuple[str, ...], pattern: re.Pattern[str]) -> str | None:
    values = (headers.get(name, "") for name in names)
    return next((value for value in values if pattern.fullmatch(value)), None)


def _numbers(headers: Mapping[str, str], names: tuple[str, ...]) -> Iterator[float]:
    values = (_number(headers.get(name)) for name in names)
    return (value for value in values if value is not None)


def _number(value: str | None) -> float | None:
    """A plain number that is not negative."""
    return _finite(float(value)) if value and _NUMBER.fullmatch(value) else None


def _count(value: str | None) -> int | None:
    number = int(value) if value and _DIGITS.fullmatch(value) else None
    return number if number is not None and number <= MAX_INT else None


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _seconds(value: str | None, date: str | None) -> float | None:
    """``6m0s``, ``17ms``, a plain number of seconds, a time of the epoch or an RFC 3339 time, as seconds to wait."""
    if not value:
        return None
    if _DURATION.fullmatch(value):
        return _finite(sum(float(number) * _UNIT_S[unit] for number, unit in _PIECE.findall(value)))
    number = _number(value)
    if number is not None and number < _MAX_PLAIN_S:
        return number
    at_s = _rfc3339(value) if number is None else number if number < _MAX_EPOCH_S else number / 1000
    answered_s = _http_date(date)
    # By the provider's own clock on either side: ours may differ.
    return None if at_s is None or answered_s is None else max(at_s - answered_s, 0.0)


def _rfc3339(value: str) -> float | None:
    try:
        at = datetime.fromisoformat(value)
        return at.timestamp() if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _http_date(value: str | None) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
