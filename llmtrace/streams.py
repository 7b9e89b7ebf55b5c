"""The tap on a stream: bytes are noted on their way through, nothing else about the stream changes.

The tap sits on the HTTP response's byte stream, below the client's ``Stream``. So the app holds the very object the
client made, and every way to read it passes here: iteration, ``.stream()`` helpers, raw and streaming responses.
Closing, breaking and garbage collection are seen here too, for all of them come down to this byte stream.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import wrapt

from llmtrace import clock, faults
from llmtrace.answers import MAX_KEPT_BYTES
from llmtrace.outcomes import failure_of

if TYPE_CHECKING:
    from llmtrace.calls import Failure
    from llmtrace.outcomes import End, Reader
    from llmtrace.recordings import Recording

    _Proxy = wrapt.ObjectProxy[Any]
else:
    _Proxy = wrapt.ObjectProxy  # generic from wrapt 2 on


class Tap:
    """Notes the chunks of one stream and ends its recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._chunks = recording.tap()
        self._limit = MAX_KEPT_BYTES if recording.reads_body else 0
        self._room = self._limit
        self._begun = False

    def begin(self) -> bool:
        """True for the first reader; the client may drain what is left after ``[DONE]`` through a second one."""
        first, self._begun = not self._begun, True
        return first

    def read_by(self, reader: Reader) -> None:
        """The client reads this stream itself."""
        self._recording.reader = reader

    def note(self, data: bytes) -> None:
        """Keep one chunk."""
        try:
            self._room -= len(data)
            if self._room >= 0:
                self._chunks.append((clock.now_ns(), data))
            elif not self._recording.ended:
                self._recording.kept_whole = False
        except Exception as error:  # noqa: BLE001 - a fault of ours must not break the app's stream
            faults.report("streams.note", error)

    def broke(self, error: BaseException) -> None:
        """The transport failed."""
        try:
            failure = failure_of(error)
            reader = self._recording.reader
            self._end("broken", reader.raises(failure, error) if reader else failure)
        except Exception as fault:  # noqa: BLE001 - the app is to see its own error, not one of ours
            faults.report("streams.broke", fault)

    def exhausted(self) -> None:
        """The transport has no more."""
        self._end("exhausted")

    def closed(self) -> None:
        """Somebody closed the stream, after its end or before."""
        self._end("closed")

    def abandoned(self) -> None:
        """Nobody closed it and nobody can any more."""
        self._end("abandoned")

    def _end(self, end: End, failure: Failure | None = None) -> None:
        if not self._recording.ended:
            self._recording.kept_bytes = self._limit - max(self._room, 0)
            self._recording.body_bytes = self._limit - self._room
        self._recording.end(end, failure)
        self._room = -1  # nothing is kept from now on

    def __del__(self) -> None:
        self.abandoned()


class TappedStream(_Proxy):
    """The byte stream of an HTTP response, of whichever HTTP library, sync or async: same object to all who look."""

    def __init__(self, stream: Any, tap: Tap) -> None:
        super().__init__(stream)
        self._self_tap = tap
        # The collector of garbage clears references to what it found before it calls finalisers, and one of those is
        # the client's, which closes the stream: this tells it from the app's closing. (With a callback: from 3.14 on
        # only those are cleared first.)
        self._self_found = weakref.ref(self, _ignore)

    def read_by(self, reader: Reader) -> None:
        """The client reads this stream itself."""
        self._self_tap.read_by(reader)

    def __iter__(self) -> Iterator[bytes]:
        tap: Tap = self._self_tap
        if not tap.begin():
            yield from self.__wrapped__
            return
        try:
            note = tap.note
            for data in self.__wrapped__:
                note(data)
                yield data
        except GeneratorExit:  # given up by its reader, who closes the response or lets go of it
            raise
        except BaseException as error:  # a cancelled task and an interrupted process, too
            tap.broke(error)
            raise
        tap.exhausted()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        tap: Tap = self._self_tap
        if not tap.begin():
            async for data in self.__wrapped__:
                yield data
            return
        try:
            note = tap.note
            async for data in self.__wrapped__:
                note(data)
                yield data
        except GeneratorExit:  # given up by its reader, who closes the response or lets go of it
            raise
        except BaseException as error:  # a cancelled task and an interrupted process, too
            tap.broke(error)
            raise
        tap.exhausted()

    def close(self) -> None:
        """Close the stream; in time or early, the collected bytes tell."""
        try:
            self.__wrapped__.close()
        finally:
            self._note_close()

    async def aclose(self) -> None:
        """Close the stream; in time or early, the collected bytes tell."""
        try:
            await self.__wrapped__.aclose()
        finally:
            self._note_close()

    def _note_close(self) -> None:
        tap: Tap = self._self_tap
        if self._self_found() is None:
            tap.abandoned()
        else:
            tap.closed()


def _ignore(_: object) -> None:
    pass
