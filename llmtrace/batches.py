"""Spans waiting for export, and how many go into one request: both bounded in number and in bytes.

The exporter drops a request of more than 64 MiB whole (``OTLPSpanExporter(max_request_size=)``).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

Sized: TypeAlias = "tuple[ReadableSpan, int]"
"""A span and about how many bytes it takes on the wire."""

MAX_BATCH_BYTES: Final = 8 * 1024 * 1024
_FRAME_BYTES: Final = 200
_VALUE_BYTES: Final = 24


def size_of(span: ReadableSpan) -> int:
    """About how many bytes a span takes on the wire."""
    values = (span.attributes or {}).values()
    texts = (value for value in values if isinstance(value, str))
    return _FRAME_BYTES + _VALUE_BYTES * len(values) + sum(_encoded_size(text) for text in texts)


class SpanQueue:
    """Ended spans that wait for export, bounded in number and in bytes; the oldest make room."""

    def __init__(self, *, limit: int, limit_bytes: int) -> None:
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._spans: deque[Sized] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._spans)

    def push(self, span: ReadableSpan) -> int:
        """Add one; how many had to make room."""
        sized = (span, size_of(span))
        self._spans.append(sized)
        self._bytes += sized[1]
        return self._trim()

    def take(self, max_spans: int) -> list[Sized]:
        """Take the next batch, one span at least."""
        batch: list[Sized] = []
        room = MAX_BATCH_BYTES
        while self._spans and len(batch) < max_spans and (not batch or self._spans[0][1] <= room):
            batch.append(self._spans.popleft())
            room -= batch[-1][1]
        self._bytes -= _bytes_of(batch)
        return batch

    def put_back(self, batch: list[Sized]) -> int:
        """Put a batch back where it was; how many had to make room."""
        self._spans.extendleft(reversed(batch))
        self._bytes += _bytes_of(batch)
        return self._trim()

    def clear(self) -> int:
        """Let go of all; how many there were."""
        number = len(self._spans)
        self._spans.clear()
        self._bytes = 0
        return number

    def _trim(self) -> int:
        gone = 0
        while len(self._spans) > self._limit or (self._bytes > self._limit_bytes and len(self._spans) > 1):
            self._bytes -= self._spans.popleft()[1]
            gone += 1
        return gone


def _bytes_of(batch: list[Sized]) -> int:
    return sum(size_bytes for _, size_bytes in batch)


def _encoded_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
