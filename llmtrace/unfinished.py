"""Recordings of streams that are still open: they may outlive the call, even the app's last line."""

from __future__ import annotations

from typing import Any, Final, Literal, Protocol
from weakref import WeakSet

from llmtrace.processes import reset_on_fork


class Ending(Protocol):
    """What may outlive the call it began with: a stream, a socket."""

    def end(self, end: Literal["abandoned"], /) -> Any:
        """End what is still open."""

    def disown(self) -> None:
        """Leave it to another process."""


class Unfinished:
    """Knows them without keeping them: a stream nobody holds any more ends as garbage."""

    def __init__(self) -> None:
        self._recordings: WeakSet[Ending] = WeakSet()
        reset_on_fork(self)

    def add(self, recording: Ending) -> None:
        """Know one more."""
        self._recordings.add(recording)

    def end_all(self) -> None:
        """End what is still open: for the end of the process, after which no span can be."""
        for recording in list(self._recordings):
            recording.end("abandoned")

    def reset_after_fork(self) -> None:
        """Leave to the parent what it has begun: a span that ends twice is two spans of one id."""
        for recording in list(self._recordings):
            recording.disown()
        self._recordings = WeakSet()


streams: Final = Unfinished()
