"""What was said to a model and by it, turn by turn, in one shape for all wire formats: texts, calls and media counted.

For features and estimates, which need lengths and words, not the conventions' JSON (``content`` makes that). Files and
base64 are counted and left behind; a text is a reference into the body, never a copy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from llmtrace.reading.json_values import Json, items, mapping, text

WIRES = ("chat", "responses", "completions", "embeddings")
"""Of the calls that are read here."""
SYSTEM_ROLES = ("system", "developer")


@dataclass(kw_only=True, slots=True)
class Turn:
    """One message, or one item of the responses API."""

    role: str
    """``system``, ``developer``, ``user``, ``assistant``, ``tool``, or what else was sent."""
    texts: list[str] = field(default_factory=list)
    """Of all text parts, refusals and results of tools included, reasoning not."""
    thoughts: list[str] = field(default_factory=list)
    """Reasoning, where the provider shows it."""
    name: str | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Name and arguments of every function called."""
    images: int = 0
    audio: int = 0
    files: int = 0

    @property
    def chars(self) -> int:
        """Length of its texts, in Unicode characters."""
        return sum(map(len, self.texts))


def turns_sent(wire: str, sent: Json) -> list[Turn]:
    """Every turn of a request, instructions included."""
    if wire == "chat":
        return [*_instructed(sent), *(_message(mapping(message)) for message in items(sent.get("messages")))]
    if wire == "responses":
        given = sent.get("input")
        turns = [Turn(role="user", texts=[given])] if isinstance(given, str) else list(map(_item, items(given)))
        return [*_instructed(sent), *turns]
    given = sent.get("prompt" if wire == "completions" else "input")
    return [Turn(role="user", texts=[one]) for one in (items(given) or [given]) if isinstance(one, str)]


def _instructed(sent: Json) -> list[Turn]:
    instructions = text(sent.get("instructions"))
    return [Turn(role="system", texts=[instructions])] if instructions else []


def turns_answered(wire: str, body: Json) -> list[Turn]:
    """Every choice of an answer as a turn; of the responses API, every item."""
    if wire == "responses":
        return [_item(item) for item in items(body.get("output"))]
    if wire not in ("chat", "completions"):
        return []
    choices = [mapping(choice) for choice in items(body.get("choices"))]
    return [
        Turn(role="assistant", texts=[said]) if (said := text(choice.get("text"))) else _message(_own(choice))
        for choice in choices
    ]


def tools_sent(sent: Json) -> list[Json]:
    """Every tool that was offered, as it was spelled."""
    return [mapping(tool) for tool in [*items(sent.get("tools")), *items(sent.get("functions"))]]


def beginning(texts: Iterable[str], limit_chars: int) -> str:
    """The first characters of many texts, a line each."""
    kept: list[str] = []
    for one in texts:
        kept.append(one[:limit_chars])
        limit_chars -= len(one) + 1
        if limit_chars <= 0:
            break
    return "\n".join(kept)


def _own(choice: Json) -> Json:
    return {"role": "assistant", **mapping(choice.get("message"))}


def _message(message: Json) -> Turn:
    turn = Turn(role=text(message.get("role")) or "user", name=text(message.get("name")))
    _add_content(turn, message.get("content"))
    if refusal := text(message.get("refusal")):
        turn.texts.append(refusal)
    if thought := text(message.get("reasoning_content")) or text(message.get("reasoning")):
        turn.thoughts.append(thought)
    turn.calls += _calls(message)
    return turn


def _calls(message: Json) -> Iterator[tuple[str, str]]:
    for entry in [*items(message.get("tool_calls")), {"function": message.get("function_call")}]:
        call = mapping(mapping(entry).get("function")) or mapping(mapping(entry).get("custom"))
        if call:
            yield text(call.get("name")) or "", _as_text(call.get("arguments", call.get("input")))


def _item(value: Any) -> Turn:
    item = mapping(value)
    kind = text(item.get("type")) or "message"
    if kind in ("function_call", "custom_tool_call"):
        call = (text(item.get("name")) or "", _as_text(item.get("arguments", item.get("input"))))
        return Turn(role="assistant", calls=[call])
    if kind.endswith("_output"):
        turn = Turn(role="tool")
        _add_content(turn, item.get("output"))
        return turn
    turn = Turn(role=text(item.get("role")) or ("user" if kind == "message" else "assistant"))
    if kind == "message":
        _add_content(turn, item.get("content"))
    return turn


def _add_content(turn: Turn, content: object) -> None:
    for part in [{"text": content}] if isinstance(content, str) else map(mapping, items(content)):
        kind = text(part.get("type")) or "text"
        if "image" in kind:
            turn.images += 1
        elif "audio" in kind:
            turn.audio += 1
        elif "file" in kind:
            turn.files += 1
        elif said := text(part.get("text")) or text(part.get("refusal")):
            turn.texts.append(said)


def _as_text(arguments: object) -> str:
    if isinstance(arguments, str) or arguments is None:
        return arguments or ""
    return json.dumps(arguments)
