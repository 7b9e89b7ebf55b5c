"""The fields of a multipart request that are no files (RFC 7578), for requests that were read whole before being sent.

Files are passed over by their borders alone: nothing of them is copied or decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from llmtrace.reading.json_values import Json

_NAME: Final = re.compile(rb'[;\s]name="([^"]*)"', re.IGNORECASE)
_FILENAME: Final = re.compile(rb"[;\s]filename\*?=", re.IGNORECASE)
MAX_FIELD_BYTES: Final = 64 * 1024
"""A longer field is a text, such as a prompt: it is cut."""

_NUMBERS: Final = frozenset({"n", "temperature", "output_compression", "partial_images", "seconds"})
_FLAGS: Final = frozenset({"stream"})


def form_fields(body: bytes) -> list[tuple[str, str]]:
    """Name and value of each field that is no file, in order; empty when the body is no multipart form.

    A form begins with the border of its parts, which no JSON does.
    """
    border = body[: body.find(b"\r\n", 0, 200)] if body.startswith(b"--") else b""
    return list(_fields(body, border)) if len(border) > 2 else []


def form_as_json(fields: list[tuple[str, str]]) -> Json:
    """The fields as the JSON object that would say the same; a repeated one, or one named ``x[]``, is an array."""
    made: Json = {}
    for name, value in fields:
        key, is_array = name.removesuffix("[]"), name.endswith("[]")
        if is_array or key in made:
            before = made.get(key, [])
            made[key] = [*(before if isinstance(before, list) else [before]), value]
        else:
            made[key] = _typed(key, value)
    return made


def _fields(body: bytes, border: bytes) -> Iterator[tuple[str, str]]:
    at = body.find(border)
    while at >= 0:
        begin = at + len(border) + 2  # the line's end
        head_end = body.find(b"\r\n\r\n", begin)
        at = body.find(b"\r\n" + border, begin)
        if head_end < 0 or at < 0:
            return
        head = body[begin:head_end]
        name = _NAME.search(b" " + head)
        if name and not _FILENAME.search(head):
            value = body[head_end + 4 : min(at, head_end + 4 + MAX_FIELD_BYTES)]
            yield name[1].decode("utf-8", "replace"), value.decode("utf-8", "replace")
        at += 2


def _typed(key: str, value: str) -> object:
    if key in _FLAGS:
        return value == "true"
    if key in _NUMBERS:
        try:
            return int(value) if value.isdecimal() else float(value)
        except ValueError:
            return value
    return value
