"""Asking for the usage of a stream on the app's behalf, and hiding the answer: only where a setting says so.

    create(stream=True) ──▶ stream_options.include_usage ──▶ chunk, chunk, ..., usage without a choice, [DONE]
                                                                                └── noted by the tap, not by the app

An app that says anything about usage itself is left alone.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from llmtrace.reading.json_values import NOT_JSON, Json, mapping

_WIRES: Final = ("chat", "completions")
_NO_CHOICE: Final = ('"choices":[]', '"choices": []')
"""As JSON is written by whoever serves this API; a chunk spelled otherwise is not hidden."""


def with_usage(wire: str, sent: object) -> Json | None:
    """The request ``sent``, a new one, with its usage asked for; None where there is nothing to ask, or the app did."""
    if wire not in _WIRES or not isinstance(sent, dict) or sent.get("stream") is not True:
        return None
    options = sent.get("stream_options")
    if options is not None and (not isinstance(options, dict) or "include_usage" in options):
        return None
    return {**sent, "stream_options": {**mapping(options), "include_usage": True}}


def is_answer(data: str) -> bool:
    """Whether an event is what was asked for: usage, and no choice."""
    if not any(spelling in data for spelling in _NO_CHOICE):
        return False
    try:
        event = mapping(json.loads(data))
    except NOT_JSON:
        return False
    return event.get("choices") == [] and isinstance(event.get("usage"), dict)


def hidden(events: Iterator[Any]) -> Iterator[Any]:
    """The client's events without the one that was asked for."""
    for event in events:
        if not is_answer(event.data):
            yield event


async def hidden_async(events: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The same of an async stream."""
    async for event in events:
        if not is_answer(event.data):
            yield event
