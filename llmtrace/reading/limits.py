"""Content within bounds: what is cut says so, and the result is still the JSON it was to be.

Base64 of a file says little and costs much, so a long one gives way to a word about it. Of messages that are too long
together, long texts are cut first; when there are too many of them, those in the middle go.
"""

from __future__ import annotations

import json
from typing import Any, Final

from llmtrace.reading.json_values import Json

MAX_CHARS: Final = 1_000_000
"""Of one attribute, such as ``gen_ai.input.messages``."""
MAX_BLOB_CHARS: Final = 4096
_BASE64_KEYS: Final = frozenset({"b64_json", "data", "file_data", "partial_image_b64", "result"})
_MARK: Final = "left_out"
_TEXT_LIMITS: Final = (100_000, 10_000, 1_000, 100)


def encoded(messages: list[Json]) -> str | None:
    """The JSON text of messages or parts, of at most ``MAX_CHARS`` characters; None when there are none."""
    if not messages:
        return None
    text = _dumps(messages)
    for limit in _TEXT_LIMITS:
        if len(text) <= MAX_CHARS:
            return text
        messages = _with_short_texts(messages, limit)
        text = _dumps(messages)
    while len(text) > MAX_CHARS and len(messages) > 2:
        messages = _without_middle(messages, max(1, len(messages) // 4))
        text = _dumps(messages)
    return text if len(text) <= MAX_CHARS else _dumps([_left_out(len(messages))])


def blob(data: str) -> str:
    """Base64 content, or how much of it there was."""
    return data if len(data) <= MAX_BLOB_CHARS else f"[llmtrace: {len(data) * 3 // 4} bytes left out]"


def without_data_urls(value: Any) -> Any:
    """Any JSON value, with long data URLs and base64 fields inside it replaced by their type and size."""
    if isinstance(value, str):
        return _short_data_url(value)
    if isinstance(value, list):
        return [without_data_urls(entry) for entry in value]
    if isinstance(value, dict):
        return {
            key: blob(entry) if key in _BASE64_KEYS and isinstance(entry, str) else without_data_urls(entry)
            for key, entry in value.items()
        }
    return value


def _short_data_url(url: str) -> str:
    if len(url) <= MAX_BLOB_CHARS or not url.startswith("data:"):
        return url
    head, _, data = url.partition(",")
    return f"{head[:100]},{blob(data)}"


def _dumps(value: object) -> str:
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
