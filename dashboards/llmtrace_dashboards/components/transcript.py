"""A conversation as text, from the JSON that the semantic conventions define.

Messages are a list of `{role, parts: [{type, content | arguments | response ...}]}`; what is not of that shape is
shown as it came. Source: OpenTelemetry semantic conventions, gen_ai.input.messages and gen_ai.output.messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from llmtrace_dashboards.components.assets import renderer

MOST = 250_000
"""Characters that are sent to the browser at once."""

_TITLES = {"system": "System", "user": "User", "assistant": "Assistant", "tool": "Tool"}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One piece of a conversation."""

    role: str
    title: str
    """Who speaks, and what kind of part it is if not plain text."""
    text: str
    code: bool = False
    """JSON rather than prose."""


def messages(content: Mapping[str, Any]) -> list[Message]:
    """The conversation of a `span_content` row: system, input, output, then tool definitions."""
    return [
        *_of("system", content["system_instructions"]),
        *_of("user", content["input_messages"]),
        *_of("assistant", content["output_messages"]),
        *_raw("tool", "Tool definitions", content["tool_definitions"]),
    ]


def transcript(content: Mapping[str, Any], *, key: str) -> bool:
    """Draws it, up to `MOST` characters; whether that is all of it."""
    return _draw(messages(content), key)


def document(title: str, text: str, *, key: str) -> bool:
    """Draws one text as it is, in the same bounded way."""
    return _draw([Message(role="", title=title, text=text, code=True)], key)


def _draw(found: Sequence[Message], key: str) -> bool:
    shown = list(bounded(found, MOST))
    renderer("transcript")(data={"messages": [asdict(message) for message in shown]}, key=key)
    return sum(len(message.text) for message in shown) >= sum(len(message.text) for message in found)


def bounded(found: Sequence[Message], most: int) -> Iterator[Message]:
    """The first messages with `most` characters in all; the one that is cut says how much is missing."""
    for at, message in enumerate(found):
        if len(message.text) > most:
            missing = sum(len(other.text) for other in found[at:]) - most
            yield replace(message, text=f"{message.text[:most]}\n… {missing:,} more characters")
            return
        most -= len(message.text)
        yield message


def _of(role: str, text: str) -> Iterator[Message]:
    try:
        parsed = json.loads(text) if text else []
    except (ValueError, RecursionError):
        yield from _raw(role, _TITLES[role], text)
        return
    if not isinstance(parsed, list):
        yield from _raw(role, _TITLES[role], text)
        return
    for entry in parsed:
        if not isinstance(entry, dict):
            yield Message(role=role, title=_TITLES[role], text=_shown(entry))
            continue
        speaker = str(entry.get("role") or role)
        parts = entry["parts"] if isinstance(entry.get("parts"), list) else [entry]
        for part in parts:
            yield _part(speaker, part)


def _part(role: str, part: Any) -> Message:
    title = _TITLES.get(role, role)
    if not isinstance(part, dict):
        return Message(role=role, title=title, text=_shown(part))
    kind, content = str(part.get("type") or "text"), part.get("content")
    if kind == "text" and isinstance(content, str):
        return Message(role=role, title=title, text=content)
    if kind == "tool_call":
        named = f"{title} calls {part.get('name') or 'a tool'}"
        return Message(role=role, title=named, text=_shown(part.get("arguments")), code=True)
    if kind == "tool_call_response":
        return Message(
            role=role, title=f"{title} answers", text=_shown(part.get("response", part.get("result"))), code=True
        )
    if kind == "reasoning" and isinstance(content, str):
        return Message(role=role, title=f"{title}, reasoning", text=content)
    return Message(role=role, title=f"{title}, {kind}", text=_shown(part), code=True)


def _raw(role: str, title: str, text: str) -> Iterator[Message]:
    if text:
        yield Message(role=role, title=title, text=text, code=True)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
