"""Large JSON bodies without their vectors and base64: what is left is small, and is parsed as any other.

One ``json.loads`` of many megabytes of numbers holds the GIL for as long as it runs, and the app's threads wait.
Finding the end of a vector or of a base64 string is one C search instead: neither can hold the byte that ends it.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

LARGE_BODY_BYTES: Final = 256 * 1024
"""From here on a body is parsed without its blobs."""

# A quote inside a JSON string is escaped, so a key between two bare quotes that a colon follows is no part of a text.
_KEY: Final = re.compile(rb'"(?:embedding|b64_json|partial_image_b64)"[ \t\r\n]*:[ \t\r\n]*')
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=_-]{512}")
_NUMBERS: Final = re.compile(rb"\[[0-9eE+., \t\r\n-]{512}")


def parse_json(body: bytes | str) -> Any:
    """The JSON value of a body, of a large one without its blobs: an empty list or a word of their size instead.

    Raises:
        ValueError: It is no JSON. (A body nested too deeply to be parsed counts as that.)
    """
    try:
        if len(body) <= LARGE_BODY_BYTES:
            return json.loads(body)
        return json.loads(without_blobs(body.encode("utf-8", "replace") if isinstance(body, str) else body))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def without_blobs(body: bytes) -> bytes:
    """The same JSON with each long vector as ``[]`` and each long base64 string as a word of its size."""
    kept: list[bytes] = []
    done = 0
    for key in _KEY.finditer(body):
        if key.end() < done:
            continue
        end, stand_in = _blob_at(body, key.end())
        if end:
            kept += (body[done : key.end()], stand_in)
            done = end
    return b"".join((*kept, body[done:])) if kept else body


def _blob_at(body: bytes, at: int) -> tuple[int, bytes]:
    """Where the blob that begins here ends, and what stands for it; 0 when there is none."""
    opening = body[at : at + 1]
    if opening == b'"' and _BASE64.match(body, at + 1):
        end = body.find(b'"', at + 1)
        return end + 1, b'"[llmtrace: %d bytes left out]"' % ((end - at - 1) * 3 // 4)
    if opening == b"[" and _NUMBERS.match(body, at):
        return body.find(b"]", at) + 1, b"[]"
    return 0, b""
