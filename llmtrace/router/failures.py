"""What an error says of who was asked: told from its status, code and class, whichever client raised it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from llmtrace.reading.json_values import mapping, text

_EXHAUSTED_CODES: Final = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "budget_exceeded", "quota_exceeded"}
)
_EXHAUSTED: Final = re.compile(
    r"credit balance|billing|budget (?:has been )?exceeded|insufficient (?:funds|balance)", re.IGNORECASE
)
"""Some providers say it in a 400 with no code of its own: https://docs.anthropic.com/en/api/errors"""
_NO_MODEL_CODES: Final = frozenset({"model_not_found", "DeploymentNotFound", "deployment_not_found", "unknown_model"})
_LOOKED_AT: Final = 500
_LONG_S: Final = 300.0
_LONGEST_RETRY_S: Final = 300.0


@dataclass(frozen=True, kw_only=True)
class Failed:
    """How a deployment failed."""

    reason: str
    """``rate_limited``, ``server_error``, ``timeout``, ``connection``, ``exhausted``, ``denied``, ``model_unknown``,
    ``request``."""
    counts: bool = True
    """Whether it says something of the deployment's health."""
    open_s: float | None = None
    """Leave it alone at once, for so many seconds; None: when it fails again."""


def read_failed(error: Exception) -> Failed | None:
    """What to make of it; None for what is no provider's error."""
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return _without_answer(error)
    if _is_exhausted(status, error):
        return Failed(reason="exhausted", open_s=_LONG_S)
    code = _code(error)
    if status == 404 or code in _NO_MODEL_CODES:
        return Failed(reason="model_unknown", open_s=_LONG_S)
    if status in (401, 403):
        return Failed(reason="denied", open_s=_LONG_S)
    if status == 429:
        return Failed(reason="rate_limited", open_s=_retry_after_s(error))
    if status in (408, 504):
        return Failed(reason="timeout")
    if status >= 500:
        return Failed(reason="server_error", open_s=_retry_after_s(error))
    return Failed(reason="request", counts=False)


def _without_answer(error: Exception) -> Failed | None:
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"APITimeoutError", "TimeoutError"}:
        return Failed(reason="timeout")
    if names & {"APIConnectionError", "ConnectionError"}:
        return Failed(reason="connection")
    return None


def _is_exhausted(status: int, error: Exception) -> bool:
    if status == 402:
        return True
    if status not in (400, 403, 429):
        return False
    return _code(error) in _EXHAUSTED_CODES or bool(_EXHAUSTED.search(str(error)[:_LOOKED_AT]))


def _code(error: Exception) -> str | None:
    body = mapping(getattr(error, "body", None))
    inner = mapping(body.get("error"))
    return next(
        (found for found in map(text, (getattr(error, "code", None), body.get("code"), inner.get("code"))) if found),
        text(body.get("type")) or text(inner.get("type")),
    )


def _retry_after_s(error: Exception) -> float | None:
    headers: Any = getattr(getattr(error, "response", None), "headers", None)
    if headers is None:
        return None
    try:
        seconds = float(headers.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    return min(seconds, _LONGEST_RETRY_S) if seconds > 0 else None
