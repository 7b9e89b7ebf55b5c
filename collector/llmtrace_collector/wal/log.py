"""The log of one signal in one folder: group commit in front, sealed segments behind.

append() ──> pending ──> committer thread: one write + one fdatasync for all that waits ──> futures resolve
                               │
                               ▼
    traces/00000001763820000000000000-1f2e3d4c.open      grows until it is large, heavy or 1 s old (30 s
                                                         while another waits), then is sealed:
    traces/00000001763819999000000000-9a8b7c6d.120.seg   120 spans that wait for the writer (`backlog`)

The name is a time and chance, so that a token is never used twice and order is kept. What a killed process left open
is mended and sealed at the next start (`recovery`). What is in the files: `record`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from llmtrace_collector.wal.active import ActiveSegment
from llmtrace_collector.wal.books import Books
from llmtrace_collector.wal.limits import WalLimits
from llmtrace_collector.wal.record import items_of
from llmtrace_collector.wal.room import Room, WalFullError
from llmtrace_collector.wal.segment import Segment

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A record on its way to the disk."""

    record: bytes
    weight: int
    items: int
    written: Future[None]


class Log:
    """Appends to one folder. Thread-safe; one `Log` per folder (the caller holds a lock)."""

    def __init__(
        self,
        folder: Path,
        limits: WalLimits,
        room: Room,
        sealed: Callable[[Segment], None],
        waiting: Callable[[], int] = lambda: 0,
    ) -> None:
        """The folder is there and recovered; `sealed` is told of each segment that is complete.

        `waiting` is how many segments wait for the writer.
        """
        self.folder = folder
        self._limits = limits
        self._room = room
        self._sealed = sealed
        self._waiting = waiting
        # Guards what follows; `_work` wakes the committer.
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._pending: list[_Entry] = []
        self._closing = False
        self.fault = ""
        """Why the last commit failed; '' when it did not."""
        self._books = Books.read(folder)
        self._active = ActiveSegment(folder, self._books.last)
        self._committer = threading.Thread(target=self._run, name=f"wal-{folder.name}", daemon=True)
        self._committer.start()

    def append(self, record: bytes, *, weight: int) -> Future[None]:
        """Queues one encoded record; the future resolves when it is on disk, or fails with `WalFullError`.

        Raises:
            WalFullError: there is no room, or the log is closed.
        """
        with self._lock:
            if reason := self.why_ended():
                raise WalFullError(reason)
            self._room.reserve(len(record))
            entry = _Entry(record=record, weight=max(weight, len(record)), items=items_of(record), written=Future())
            self._pending.append(entry)
            self._work.notify()
        return entry.written

    def why_ended(self) -> str:
        """Why this log takes nothing any more; '' while it does."""
        if self._closing:
            return "the collector is stopping"
        if not self._committer.is_alive():
            return "the log's thread has ended; the collector must be started again"
        return ""

    def close(self) -> None:
        """Commits what is pending, seals and stops; nothing is appended afterwards. Twice is safe."""
        with self._lock:
            self._closing = True
            self._work.notify()
        self._committer.join()

    def _run(self) -> None:
        while True:
            look_again_in_s = self._look_again_in_s()
            with self._lock:
                self._work.wait_for(lambda: self._pending or self._closing, look_again_in_s)
                batch, self._pending = self._pending, []
            # A sender that has gone has cancelled its future; from here on it no longer can.
            batch = [entry for entry in batch if entry.written.set_running_or_notify_cancel() or self._forget(entry)]
            if batch:
                self._commit(batch)
            if self._active.is_full(self._limits) or self._active.expires_in_s(self._age_s()) == 0.0:
                self._seal()
            with self._lock:
                ended = self._closing and not self._pending
            if ended:
                self._seal()
                return

    def _age_s(self) -> float:
        patient = self._waiting() >= self._limits.patient_from
        return self._limits.patient_age_s if patient else self._limits.segment_age_s

    def _look_again_in_s(self) -> float | None:
        """Patience ends when the writer has caught up, and nobody tells that."""
        left_s = self._active.expires_in_s(self._age_s())
        return None if left_s is None else min(left_s, max(_LOOK_EVERY_S, self._limits.segment_age_s / 4))

    def _forget(self, entry: _Entry) -> bool:
        self._room.given_up(len(entry.record))
        return False

    def _commit(self, batch: list[_Entry]) -> None:
        records = [entry.record for entry in batch]
        size = sum(map(len, records))
        failure: OSError | None = None
        try:
            weight, items = sum(entry.weight for entry in batch), sum(entry.items for entry in batch)
            self._active.write(records, weight=weight, items=items)
        except OSError as error:
            failure = error
            self._room.given_up(size)
        else:
            self._room.written(size)
        self._tell(failure)
        for entry in batch:
            if failure is None:
                entry.written.set_result(None)
            else:
                entry.written.set_exception(WalFullError(f"the log cannot be written: {failure.strerror}"))

    def _tell(self, failure: OSError | None) -> None:
        if failure is None:
            if self.fault:
                log.warning("the write-ahead log can be written again")
            self.fault = ""
            return
        if not self.fault:
            log.error("the write-ahead log in %s cannot be written (%s): refusing spans", self.folder, failure)
        self.fault = f"the write-ahead log cannot be written: {failure.strerror}"
        self._seal()

    def _seal(self) -> None:
        active = self._active
        self._active = ActiveSegment(self.folder, active.number)
        path = active.seal()
        if path is None:
            return
        try:
            self._books = self._books.counted(self.folder, active.number, active.items)
        except OSError as error:
            log.error("the books in %s cannot be written (%s): they will differ", self.folder, error.strerror)
        self._sealed(Segment(path=path, size_bytes=active.size_bytes))
