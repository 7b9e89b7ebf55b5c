"""Content within bounds: what is cut says so, and the result is still the JSON it was to be.

Of messages that are too long together, long texts are cut first; when there are too many of them, those in the middle
go. The SDK would cut the JSON text itself, wherever its limit falls.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from llmtrace.reading.json_values import Json

_MARK: Final = "left_out"
_TEXT_LIMITS: Final = (100_000, 10_000, 1_000, 100)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long content may be, in characters."""

    attribute_chars: int = 1_000_000
    """Of one attribute, such as ``gen_ai.input.messages``, as JSON text."""
    part_chars: int = 1_000_000
    """Of one text inside it."""


def bounded(messages: list[Json], limits: Limits) -> list[Json]:
    """``messages`` within ``limits``; none when not even a word about them is."""
    if not messages:
        return []
    length = len(encoded(messages))
    if length <= min(limits.part_chars, limits.attribute_chars):  # no text is longer than all of them
        return messages
    messages = _with_short_texts(messages, limits.part_chars)
    most = limits.attribute_chars
    for limit in _TEXT_LIMITS:
        if len(encoded(messages)) <= most:
            return messages
        if limit < limits.part_chars:
            messages = _with_short_texts(messages, limit)
    while len(encoded(messages)) > most and len(messages) > 2:
        messages = _without_middle(messages, max(2, len(messages) // 4))  # one of them becomes the mark
    if len(encoded(messages)) > most:
        messages = [_left_out(len(messages))]
    return messages if len(encoded(messages)) <= most else []


def encoded(value: object) -> str:
    """The JSON text of a value, as short as can be."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _with_short_texts(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= limit else f"{value[:limit]} [llmtrace: {len(value) - limit} characters cut]"
    if isinstance(value, list):
        return [_with_short_texts(entry, limit) for entry in value]
    if isinstance(value, dict):
        return {key: _with_short_texts(entry, limit) for key, entry in value.items()}
    return value


def _without_middle(messages: list[Json], number: int) -> list[Json]:
    # The first is the system message, the last ones are what was asked. A mark of an earlier round is counted on.
    gone = sum(message.get(_MARK, 1) for message in messages[1 : 1 + number])
    return [messages[0], _left_out(gone), *messages[1 + number :]]


def _left_out(number: int) -> Json:
    parts = [{"type": "text", "content": f"[llmtrace: {number} left out]"}]
    return {"role": "llmtrace", "parts": parts, "finish_reason": "", _MARK: number}
