"""What of a call the cache looks at: its key, the scope a similar question must share, and the question."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal

from llmtrace.cache.control import Wish
from llmtrace.chain import Asked

Share = Literal["user", "account"] | Callable[[Asked], str]
"""Who may be given whose answers: each user their own, all of one API key, or those with the same text."""

_UNTOLD: Final = frozenset({"user", "safety_identifier", "metadata", "prompt_cache_key", "prompt_cache_retention"})
"""Fields of a body that do not change the answer; who the user is counts in `tenant`."""
_STATEFUL: Final = ("conversation", "background")
_TOOLS: Final = ("tools", "functions", "tool_choice", "function_call", "web_search_options", "mcp_servers")
_LONGEST_QUESTION: Final = 2_000
"""Characters: what two longer texts have in common says nothing of what they ask."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A call as the cache sees it."""

    key: str
    """A digest of all of it: equal keys are the same request of the same people."""
    scope: str
    """A digest of all but the question."""
    text: str
    """What is asked, where another way to ask it may be answered the same; '' where only the same request may."""
    tenant: str
    user: str
    prompt: str
    """Name and version, as `name@version`."""
    tags: tuple[str, ...]


def question_of(asked: Asked, wish: Wish, *, share: Share = "user", multi_turn: bool = False) -> Question | None:
    """The call as the cache sees it; None for one that no answer may be kept of."""
    body = {name: value for name, value in asked.body.items() if name not in _UNTOLD}
    if any(body.get(name) for name in _STATEFUL):
        return None
    identity = asked.identity
    user = identity.user or _text(asked.body.get("safety_identifier")) or _text(asked.body.get("user"))
    tenant = share(asked) if callable(share) else (user if share == "user" else "")
    prompt = f"{identity.prompt_name or ''}@{identity.prompt_version or ''}"
    around = (1, wish.namespace, asked.account, str(asked.server), tenant, prompt, asked.path, asked.operation.wire)
    form = (*around, asked.stream, asked.raw)
    text, rest = _split(asked.operation.wire, body, multi_turn=multi_turn)
    return Question(
        key=_digest((*form, body)),
        scope=_digest((*form, rest)),
        text=text if 0 < len(text) <= _LONGEST_QUESTION and not wish.exact_only else "",
        tenant=tenant,
        user=user,
        prompt=prompt,
        tags=tuple(dict.fromkeys((*identity.tags, *wish.tags))),
    )


def _split(wire: str, body: Mapping[str, Any], *, multi_turn: bool) -> tuple[str, Mapping[str, Any]]:
    """The question, and the body without it; no question where there are tools, earlier turns, or more than text."""
    if any(body.get(name) for name in _TOOLS) or body.get("previous_response_id") or body.get("prompt"):
        return "", body
    field = {"chat": "messages", "responses": "input"}.get(wire)
    turns = body.get(field) if field else None
    if wire == "responses" and isinstance(turns, str):
        return turns, {**body, "input": None}
    if not isinstance(turns, Sequence) or isinstance(turns, str) or not turns or field is None:
        return "", body
    *before, last = turns
    if not _is_user(last) or not (multi_turn or all(_is_instruction(turn) for turn in before)):
        return "", body
    text, shape = _words(last)
    return (text, {**body, field: [*before, shape]}) if text else ("", body)


def _is_user(turn: object) -> bool:
    return isinstance(turn, Mapping) and turn.get("role") == "user" and turn.get("type", "message") == "message"


def _is_instruction(turn: object) -> bool:
    return isinstance(turn, Mapping) and turn.get("role") in ("system", "developer")


def _words(turn: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Text of a turn of one text alone, and the turn without it."""
    content = turn.get("content")
    if isinstance(content, str):
        return content, {**turn, "content": None}
    if not isinstance(content, Sequence) or len(content) != 1 or not isinstance(content[0], Mapping):
        return "", turn
    part = content[0]
    if part.get("type") not in ("text", "input_text") or not isinstance(part.get("text"), str):
        return "", turn
    return part["text"], {**turn, "content": [{**part, "text": None}]}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _digest(value: object) -> str:
    """Of JSON with its keys in order; what is no JSON is told apart by its type and text."""
    said = json.dumps(value, sort_keys=True, default=lambda other: f"{type(other).__qualname__}:{other!r}")
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
