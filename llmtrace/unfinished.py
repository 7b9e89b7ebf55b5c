"""Recordings of streams that are still open: they may outlive the call, even the app's last line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from llmtrace.processes import reset_on_fork

if TYPE_CHECKING:
    from llmtrace.recordings import Recording


class Unfinished:
    """Knows them without keeping them: a stream nobody holds any more ends as garbage."""

    def __init__(self) -> None:
        self._recordings: WeakSet[Recording] = WeakSet()
        reset_on_fork(self)

    def add(self, recording: Recording) -> None:
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
