"""Server-sent events out of the bytes of a stream, each with the time its last byte came.

Follows https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, as the client
does: an event counts when the blank line after it has come, comments are skipped, ``[DONE]`` ends the stream.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

from llmtrace.reading.large import parse_json

DONE = "[DONE]"


Chunk: TypeAlias = tuple[int, bytes]
"""When bytes came off the transport, in nanoseconds, and the bytes. A plain tuple: one is made per chunk, inline."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event."""

    at_ns: int | None
    """When it was complete; None when nobody watched the bytes come."""
    name: str | None
    data: str

    def json(self) -> Any:
        """The payload; raises ValueError when it is not JSON or not UTF-8, of the class that the client raises."""
        if not self.data.isascii():
            self.data.encode("utf-8", "surrogateescape").decode()
        return parse_json(self.data)


def read_events(chunks: Sequence[Chunk], *, timed: bool = True) -> list[Event]:
    """All complete events, ``[DONE]`` included as the last one if it came."""
    body = b"".join(data for _, data in chunks)
    ends = list(accumulate(len(data) for _, data in chunks))
    events: list[Event] = []
    for name, data, end in _blocks(body):
        # The event was complete when the chunk that holds its last byte had come.
        at = chunks[min(bisect_left(ends, end), len(chunks) - 1)][0] if timed else None
        events.append(Event(at_ns=at, name=name, data=data))
        if data.startswith(DONE):
            break
    return events


def _blocks(body: bytes) -> Iterable[tuple[str | None, str, int]]:
    name: str | None = None
    data: list[str] = []
    offset = 0
    for line in body.splitlines(keepends=True):
        offset += len(line)
        content = line.rstrip(b"\r\n")
        if not content:
            if line and (data or name):
                yield name, "\n".join(data), offset
            name, data = None, []
            continue
        field, _, value = content.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" ").decode("utf-8", "surrogateescape"))
        elif field == b"event":
            name = value.removeprefix(b" ").decode("utf-8", "replace")
