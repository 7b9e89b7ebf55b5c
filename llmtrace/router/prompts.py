"""The text of a request that its difficulty is told from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmtrace.reading.json_values import items, mapping

MAX_CHARS: Final = 20_000
"""Of one prompt that are looked at."""


def prompt_text(body: Mapping[str, Any]) -> str:
    """What the user said last, as far as it is text."""
    if isinstance(prompt := body.get("prompt"), str):
        return prompt[:MAX_CHARS]
    given = body.get("input") or body.get("messages")
    if isinstance(given, str):
        return given[:MAX_CHARS]
    for message in reversed(items(given)):
        if mapping(message).get("role") == "user":
            return "\n".join(_texts(mapping(message).get("content")))[:MAX_CHARS]
    return ""


def prompt_length(body: Mapping[str, Any]) -> int:
    """Characters of all that is sent in words."""
    given = body.get("input") or body.get("messages") or body.get("prompt")
    instructions = body.get("instructions")
    length = len(instructions) if isinstance(instructions, str) else 0
    if isinstance(given, str):
        return length + len(given)
    return length + sum(sum(map(len, _texts(mapping(message).get("content")))) for message in items(given))


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
        return
    for part in items(content):
        if isinstance(text := mapping(part).get("text"), str):
            yield text
