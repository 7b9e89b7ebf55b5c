"""Which calls are never moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from llmtrace.chain import Asked
from llmtrace.reading.json_values import mapping
from llmtrace.router.policies import Route

_pinned: ContextVar[bool] = ContextVar("llmtrace_router_pinned", default=False)

MOVABLE: Final = frozenset({"chat", "responses", "completions"})
"""Formats of calls that another model can answer; embeddings of another model are of another space."""
_STATE: Final = ("previous_response_id", "conversation", "prompt")
"""Fields that name what is kept at one provider."""


@contextmanager
def pinned() -> Iterator[None]:
    """Calls made inside go to the model the app asks for, whatever the policy says."""
    token = _pinned.set(True)
    try:
        yield
    finally:
        _pinned.reset(token)


def why_pinned(asked: Asked, route: Route) -> str | None:
    """Why a call must not be moved; None when it may be."""
    if _pinned.get():
        return "by_app"
    if asked.operation.wire not in MOVABLE:
        return "operation"
    if asked.identity.prompt_name in route.pinned_prompts and asked.identity.prompt_name is not None:
        return "prompt"
    body = asked.body
    if "tools" not in route.allow and (body.get("tools") or body.get("functions")):
        return "tools"
    if "schemas" not in route.allow and _has_schema(body):
        return "schema"
    if any(body.get(field) for field in _STATE):
        return "state"
    return None


def _has_schema(body: Mapping[str, Any]) -> bool:
    chat = mapping(body.get("response_format"))
    responses = mapping(mapping(body.get("text")).get("format"))
    return any(asked.get("type") in ("json_schema", "json_object") for asked in (chat, responses))
