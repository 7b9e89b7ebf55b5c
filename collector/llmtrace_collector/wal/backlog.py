"""Sealed segments on their way to the writer, oldest first, wherever they were written.

take() ──> the writer inserts it under its name as token ──> done(): deleted

A segment that was taken stays the one that is given until it is done, so at most one insert is ever in doubt. That
is what bounds a replay: however long ClickHouse was away or how often anything was killed, one insert is repeated
under a token that may have been seen. After a power loss up to `UNSYNCED_DELETIONS` files may be back whose deletion
was not on disk yet. Both are far below the window of tokens that each table remembers (`schema.otlp.DEDUP_WINDOW`).
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from llmtrace_collector.folder import sync_folder
from llmtrace_collector.wal import books
from llmtrace_collector.wal.places import handed_in, receivers_in, written_in
from llmtrace_collector.wal.room import Room
from llmtrace_collector.wal.segment import Segment, sealed_in

UNSYNCED_DELETIONS = 100
"""Deleted segments that a power loss may bring back, at most."""

_LOOK_EVERY_S = 0.2
"""For segments that others have sealed; ours are told of."""


class Backlog:
    """What waits. Thread-safe."""

    def __init__(self, room: Room, folder: Path, own: Iterable[Path]) -> None:
        """`own` are the folders whose new segments are told by `add`; the others in `folder` are looked into."""
        self._room = room
        self._folder = folder
        self._own = frozenset(own)
        # Guards what follows; `_ready` wakes the writer.
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._waiting: list[tuple[int, str, Segment]] = []
        self._known: set[Path] = set()
        self._current: Segment | None = None
        self._look_after = 0.0
        self._deletions = 0
        self._touched: set[Path] = set()
        """Folders with deletions that may not be on disk yet; the writer's alone."""
        for each in self._own:
            self._find(each)

    def _find(self, folder: Path) -> None:
        for path in sealed_in(folder):
            if path not in self._known:
                segment = Segment(path=path, size_bytes=path.stat().st_size)
                self._room.found(segment.size_bytes)
                self._push(segment)

    def _push(self, segment: Segment) -> None:
        self._known.add(segment.path)
        heapq.heappush(self._waiting, (segment.number, str(segment.path), segment))

    def look(self) -> None:
        """Finds what receivers and commands have put there; as often as it is cheap."""
        with self._lock:
            self._look()

    def _look(self) -> None:
        started = time.monotonic()
        if started < self._look_after:
            return
        for folder in (*written_in(self._folder), *handed_in(self._folder)):
            if folder not in self._own:
                self._find(folder)
        now = time.monotonic()
        self._look_after = now + max(_LOOK_EVERY_S, 20 * (now - started))

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
                self._look()
                left_s = deadline - time.monotonic()
                if self._waiting:
                    self._current = heapq.heappop(self._waiting)[2]
                elif left_s <= 0:
                    return None
                else:
                    self._ready.wait(min(left_s, _LOOK_EVERY_S) if receivers_in(self._folder) else left_s)
            return self._current

    def done(self, segment: Segment) -> None:
        """Deletes a segment that ClickHouse has on disk (or that lies with the dead letters)."""
        folder = segment.path.parent
        books.sync(folder)
        segment.path.unlink(missing_ok=True)
        self._touched.add(folder)
        self._deletions += 1
        if self._deletions % UNSYNCED_DELETIONS == 0:
            for each in self._touched:
                sync_folder(each)
            self._touched.clear()
        with self._lock:
            if self._current == segment:
                self._current = None
            self._known.discard(segment.path)
        self._room.found(-segment.size_bytes)

    def oldest(self) -> Segment | None:
        """The segment that has waited longest."""
        with self._lock:
            first = self._waiting[0][2] if self._waiting else None
            return self._current or first

    def count(self) -> int:
        """How many wait."""
        with self._lock:
            return len(self._waiting) + (self._current is not None)
