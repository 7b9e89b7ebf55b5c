"""Sealed segments on their way to the writer, oldest first, wherever they were written.

take() ──> the writer inserts it under its name as token ──> done(): deleted

A segment that was taken stays the one that is given until it is done, so at most one insert is ever in doubt.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from llmtrace_collector.wal.room import Room
from llmtrace_collector.wal.segment import SEALED, Segment

_LOOK_EVERY_S = 0.2
"""For segments that other processes have sealed; ours are told of."""


class Backlog:
    """What waits. Thread-safe."""

    def __init__(self, room: Room, own: Iterable[Path], others: Iterable[Path] = ()) -> None:
        """`own` are folders whose new segments are told by `add`; `others` are looked into again and again."""
        self._room = room
        self._others = tuple(others)
        # Guards what follows; `_ready` wakes the writer.
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._waiting: list[tuple[str, str, Segment]] = []
        self._known: set[Path] = set()
        self._current: Segment | None = None
        for folder in (*own, *self._others):
            self._look(folder)

    def _look(self, folder: Path) -> None:
        for path in folder.glob(f"*{SEALED}"):
            if path not in self._known:
                segment = Segment(path=path, size_bytes=path.stat().st_size)
                self._room.found(segment.size_bytes)
                self._push(segment)

    def _push(self, segment: Segment) -> None:
        self._known.add(segment.path)
        heapq.heappush(self._waiting, (segment.token, str(segment.path), segment))

    def add(self, segment: Segment) -> None:
        """A segment of this process has been sealed; its bytes are counted already."""
        with self._lock:
            self._push(segment)
            self._ready.notify()

    def take(self, timeout_s: float) -> Segment | None:
        """The oldest sealed segment, which stays first until `done`; None when there is none in time."""
        deadline = time.monotonic() + timeout_s
        with self._lock:
            while self._current is None:
                if not self._waiting:
                    for folder in self._others:
                        self._look(folder)
                left_s = deadline - time.monotonic()
                if self._waiting:
                    self._current = heapq.heappop(self._waiting)[2]
                elif left_s <= 0:
                    return None
                else:
                    self._ready.wait(min(left_s, _LOOK_EVERY_S) if self._others else left_s)
            return self._current

    def done(self, segment: Segment) -> None:
        """Deletes a segment that ClickHouse has on disk (or that lies with the dead letters)."""
        segment.path.unlink(missing_ok=True)
        with self._lock:
            if self._current == segment:
                self._current = None
            self._known.discard(segment.path)
        self._room.found(-segment.size_bytes)
