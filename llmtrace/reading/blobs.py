"""Blobs taken out of content: images, audio and files as base64, which say little where they stand and cost much.

A blob goes to whoever keeps it, and a reference stands in its place; when nobody does, a long one gives way to a word
about it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final

from llmtrace.reading.json_values import Json, text

MAX_BLOB_CHARS: Final = 4096
"""Of base64 that stays where it is, when nobody keeps blobs."""
MAX_DEPTH: Final = 60
"""What is nested deeper is dropped: nobody reads it, and a walk must end."""

Keep = Callable[[bytes, str], str | None]
"""Takes bytes and their media type; where they will be, or None when they are not kept."""

_BASE64_KEYS: Final = frozenset({"b64_json", "data", "file_data", "partial_image_b64", "result"})
_ANY_TYPE: Final = "application/octet-stream"


def without_blobs(value: Any, keep: Keep | None = None, depth: int = 0) -> Any:
    """Any JSON value, with the blobs inside it kept elsewhere or cut."""
    if isinstance(value, str):
        return _data_url(value, keep) if value.startswith("data:") else value
    if depth > MAX_DEPTH:
        return "[llmtrace: nested too deep]" if isinstance(value, list | dict) else value
    if isinstance(value, list):
        return [without_blobs(entry, keep, depth + 1) for entry in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "blob" and isinstance(value.get("content"), str):
        return _blob_part(value, keep)
    return {
        key: _reference(entry, _ANY_TYPE, keep) or _short(entry)
        if key in _BASE64_KEYS and isinstance(entry, str) and not entry.startswith("data:")
        else without_blobs(entry, keep, depth + 1)
        for key, entry in value.items()
    }


def without_long_texts(messages: list[Json], keep: Keep, limit: int) -> list[Json]:
    """Messages, or parts of instructions, whose texts of more than ``limit`` characters are kept elsewhere."""
    return [_without_long_text(message, keep, limit) for message in messages]


def _without_long_text(message: Json, keep: Keep, limit: int) -> Json:
    if isinstance(message.get("parts"), list):
        return {**message, "parts": without_long_texts(message["parts"], keep, limit)}
    content = message.get("content")
    if message.get("type") not in ("text", "reasoning") or not isinstance(content, str) or len(content) <= limit:
        return message
    uri = keep(content.encode("utf-8", "replace"), "text/plain")
    return message if uri is None else {"type": "uri", "modality": "text", "mime_type": "text/plain", "uri": uri}


def _blob_part(part: Json, keep: Keep | None) -> Json:
    uri = _reference(part["content"], text(part.get("mime_type")) or _ANY_TYPE, keep, at_least=1)
    if uri is None:
        return {**part, "content": _short(part["content"])}
    named = {key: value for key, value in part.items() if key not in ("type", "content")}
    return {"type": "uri", **named, "uri": uri}


def _data_url(url: str, keep: Keep | None) -> str:
    head, _, data = url.partition(",")
    if head.endswith(";base64") and (uri := _reference(data, head[5:].partition(";")[0] or _ANY_TYPE, keep)):
        return uri
    return url if len(url) <= MAX_BLOB_CHARS else f"{head[:100]},{_short(data)}"


def _reference(data: str, media_type: str, keep: Keep | None, *, at_least: int = 256) -> str | None:
    # A short text under a key such as "result" may look like base64 and be a word.
    if keep is None or len(data) < at_least:
        return None
    try:
        return keep(base64.b64decode(data, validate=True), media_type)
    except (binascii.Error, ValueError):
        return None


def _short(data: str) -> str:
    return data if len(data) <= MAX_BLOB_CHARS else f"[llmtrace: {len(data) * 3 // 4} bytes left out]"
