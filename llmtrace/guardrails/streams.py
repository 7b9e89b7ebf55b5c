"""The filter of a stream: server-sent events in, events that may be shown out.

    bytes ─▶ events ─▶ which text of the answer goes on here? ─▶ GuardedText ─▶ the event with what may be shown

An event is passed on as it came unless a text in it was changed or held back. What is held goes out with the event that
ends its text: a finish reason, a `.done`, `[DONE]`, or the end of the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from llmtrace.chain import Asked, StreamFilter
from llmtrace.guardrails.answers import Substitute, refused_events
from llmtrace.guardrails.checking import Steps
from llmtrace.guardrails.chunks import ChatChunks, Chunks, ResponsesChunks
from llmtrace.guardrails.driving import drive, drive_async
from llmtrace.guardrails.verdicts import GuardrailBlocked

LONGEST_EVENT: Final = 16 * 1024 * 1024
"""Bytes of one event; more is no stream of words."""

Whole = Callable[[bytes], Steps[bytes]]
"""What becomes of an answer that is no stream of events: JSON that the app reads as bytes."""


class StreamGuard(StreamFilter):
    """Decides what of one answer the app gets, as it comes."""

    def __init__(
        self,
        asked: Asked,
        chunks: ChatChunks | ResponsesChunks,
        *,
        whole: Whole,
        substitute: Substitute,
        closing: Callable[[], Steps[None]],
        failed: Callable[[Exception], None],
    ) -> None:
        self._asked = asked
        self._closing = closing
        self._failed = failed
        self._left_out = False
        self._chunks: Chunks = chunks
        self._whole = whole
        self._substitute = substitute
        self._buffer = b""
        self._over = False

    def feed(self, data: bytes) -> bytes:
        """What may be passed on now that ``data`` has come."""
        return drive(self._fed(data))

    def finish(self) -> bytes:
        """What is left, when no more comes."""
        return drive(self._finished())

    async def feed_async(self, data: bytes) -> bytes:
        """The same where an event loop must not stand still."""
        return await drive_async(self._fed(data))

    async def finish_async(self) -> bytes:
        """The same where an event loop must not stand still."""
        return await drive_async(self._finished())

    def all_of(self, data: bytes) -> Steps[bytes]:
        """What may be passed on of a stream that came whole."""
        return (yield from self._fed(data)) + (yield from self._finished())

    def _fed(self, data: bytes) -> Steps[bytes]:
        self._buffer += data
        if self._left_out:
            data, self._buffer = self._buffer, b""
            return data
        if not self._asked.stream:
            return b""
        try:
            return (yield from self._events())
        except GuardrailBlocked as blocked:
            return self._refused(blocked)

    def _finished(self) -> Steps[bytes]:
        if self._over or self._left_out:
            rest, self._buffer = self._buffer, b""
            return b"" if self._over else rest
        try:
            if not self._asked.stream:
                return (yield from self._whole(self._buffer))
            rest, self._buffer = self._buffer, b""
            last = yield from self._flushed()
            self._over = True
            return last + rest
        except GuardrailBlocked as blocked:
            return self._refused(blocked)

    def _events(self) -> Steps[bytes]:
        shown: list[bytes] = []
        while not self._over and (cut := _end_of_event(self._buffer)):
            event, self._buffer = self._buffer[:cut], self._buffer[cut:]
            try:
                shown.append((yield from self._event(event)))
            except GuardrailBlocked:
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours must not break the app's stream
                shown += [self._leave_out(error), self._buffer]
                self._buffer = b""
                return b"".join(shown)
        if len(self._buffer) > LONGEST_EVENT:
            shown += [self._leave_out(ValueError("an event of more than 16 MiB")), self._buffer]
            self._buffer = b""
        if self._over:
            self._buffer = b""
        return b"".join(shown)

    def _event(self, event: bytes) -> Steps[bytes]:
        data = b"\n".join(_data(event))
        if data.startswith(b"[DONE]"):
            return (yield from self._flushed()) + event
        try:
            payload: Any = json.loads(data) if data else None
        except (ValueError, RecursionError):
            return event  # the client raises on it, or skips it
        if not isinstance(payload, dict):
            return event
        made = yield from self._chunks.event(payload)
        if made is None:
            return event
        return b"".join(_bytes(each) for each in made)

    def _flushed(self) -> Steps[bytes]:
        yield from self._closing()
        return b"".join(_bytes(event) for event in (yield from self._chunks.flush()))

    def _leave_out(self, error: Exception) -> bytes:
        """Guardrails failed: what they hold goes out as it came, unless the user chose that it must not."""
        self._failed(error)
        self._left_out = True
        return b"".join(map(_bytes, self._chunks.abandon()))

    def _refused(self, blocked: GuardrailBlocked) -> bytes:
        self._over, self._buffer = True, b""
        text = self._substitute(blocked.verdict)
        if text is None:
            raise blocked
        return refused_events(self._asked, text) if self._asked.stream else b""


def _end_of_event(buffer: bytes) -> int:
    ends = [at + len(mark) for mark in (b"\n\n", b"\r\n\r\n", b"\r\r") if (at := buffer.find(mark)) >= 0]
    return min(ends, default=0)


def _data(event: bytes) -> Iterator[bytes]:
    for line in event.splitlines():
        if line.startswith(b"data:"):
            yield line[5:].removeprefix(b" ")


def _bytes(payload: dict[str, Any]) -> bytes:
    kind = payload.get("type")
    head = f"event: {kind}\n" if isinstance(kind, str) else ""
    # In ASCII: some readers of events take other signs of Unicode for ends of lines.
    return f"{head}data: {json.dumps(payload, separators=(',', ':'))}\n\n".encode()
