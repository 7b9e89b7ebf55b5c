"""The log itself: group commit in front, sealed segments behind.

append() ──> pending ──> committer thread: one write + one fdatasync for all that waits ──> futures resolve
                               │
                               ▼
    wal/00000001763820000000000000-1f2e3d4c.seg   active: grows until it is large, heavy or 1 s old, then sealed
    wal/00000001763819999000000000-9a8b7c6d.seg   sealed: waits for the writer
                               │
take() ────────────────────────┘ oldest first ──> the writer inserts it under its name as token ──> done(): deleted

The name is a time and chance, so that a token is never used twice. At open every file left is sealed; what is damaged
or torn goes to the dead letters (`recovery`).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from llmtrace_collector.errors import CollectorError, ConfigError
from llmtrace_collector.folder import sync_folder
from llmtrace_collector.wal.active import ActiveSegment
from llmtrace_collector.wal.disk import Disk
from llmtrace_collector.wal.limits import WalLimits
from llmtrace_collector.wal.recovery import mend, recover

log = logging.getLogger(__name__)


class WalFullError(CollectorError):
    """The log cannot take more just now: its quota or the disk is full. Retry later."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A sealed file of the log."""

    path: Path
    size_bytes: int

    @property
    def token(self) -> str:
        """The deduplication token of its insert; never used by another segment."""
        return self.path.stem

    def read(self) -> bytes:
        """Its records, all sound; what was damaged on disk meanwhile goes to the dead letters."""
        mend(self.path)
        return self.path.read_bytes()


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A record on its way to the disk."""

    record: bytes
    weight: int
    written: Future[None]


class Wal:
    """A durable queue of OTLP requests in a folder. Thread-safe; one `Wal` per folder (the caller holds a lock)."""

    def __init__(self, folder: Path, limits: WalLimits | None = None) -> None:
        """Opens the folder, seals what is in it and starts the committer thread.

        Raises:
            ConfigError: the folder cannot be made, or a file left from before can be neither read nor mended.
        """
        self.folder = folder
        self.limits = limits or WalLimits()
        _make(folder)
        # Guards everything below; `_work` wakes the committer, `_ready` the writer.
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._ready = threading.Condition(self._lock)
        self._pending: list[_Entry] = []
        self._in_memory_bytes = 0
        """Pending, and being written just now."""
        self._sealed = deque(Segment(path=path, size_bytes=size) for path, size in recover(folder))
        self._backlog_bytes = sum(s.size_bytes for s in self._sealed)
        self._closing = False
        self._disk = Disk(folder, self.limits)
        self._fault = ""
        """Why the last commit failed; '' when it did not."""
        self._active = ActiveSegment(folder)
        self._committer = threading.Thread(target=self._run, name="wal-commit", daemon=True)
        self._committer.start()

    def append(self, record: bytes, *, weight: int = 0) -> Future[None]:
        """Queues one encoded record; the future resolves when it is on disk.

        `weight` is about what its rows will take in ClickHouse's memory, bytes.

        Raises:
            WalFullError: the quota is used up; also what the future fails with when the disk is full.
        """
        with self._lock:
            if reason := self._why_refusing(len(record)):
                raise WalFullError(reason)
            entry = _Entry(record=record, weight=max(weight, len(record)), written=Future())
            self._pending.append(entry)
            self._in_memory_bytes += len(record)
            self._work.notify()
        return entry.written

    def _why_refusing(self, size: int) -> str:
        if self._closing:
            return "the collector is stopping"
        if not self._committer.is_alive():
            return "the log's thread has ended; the collector must be started again"
        waiting = self._backlog_bytes + self._active.size_bytes + self._in_memory_bytes + size
        if waiting > self.limits.quota_bytes:
            return f"{waiting:,} bytes wait for ClickHouse, the quota is {self.limits.quota_bytes:,}"
        if self._in_memory_bytes + size > self.limits.in_memory_bytes:
            return "the disk does not keep up"
        return self._disk.why_full(self._in_memory_bytes + size)

    def why_refusing(self) -> str:
        """Why a request of ordinary size would be refused now; '' when it would be taken."""
        ordinary = min(64 * 1024, self.limits.quota_bytes // 4)
        with self._lock:
            return self._why_refusing(ordinary) or self._fault

    def take(self, timeout_s: float) -> Segment | None:
        """The oldest sealed segment, which stays first until `done`; None when there is none in time."""
        with self._lock:
            self._ready.wait_for(lambda: self._sealed, timeout_s)
            return self._sealed[0] if self._sealed else None

    def done(self, segment: Segment) -> None:
        """Deletes a segment that ClickHouse has on disk (or that lies with the dead letters)."""
        segment.path.unlink(missing_ok=True)
        with self._lock:
            self._sealed.remove(segment)
            self._backlog_bytes -= segment.size_bytes

    def close(self) -> None:
        """Commits what is pending, seals and stops; nothing is appended afterwards. Twice is safe."""
        with self._lock:
            self._closing = True
            self._work.notify()
        self._committer.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._work.wait_for(lambda: self._pending or self._closing, self._active.expires_in_s(self.limits))
                batch, self._pending = self._pending, []
            # A sender that has gone has cancelled its future; from here on it no longer can.
            batch = [entry for entry in batch if entry.written.set_running_or_notify_cancel() or self._forget(entry)]
            if batch:
                self._commit(batch)
            with self._lock:
                if self._active.is_ripe(self.limits):
                    self._seal()
                if self._closing and not self._pending:
                    self._seal()
                    return

    def _forget(self, entry: _Entry) -> bool:
        with self._lock:
            self._in_memory_bytes -= len(entry.record)
        return False

    def _commit(self, batch: list[_Entry]) -> None:
        data = b"".join(entry.record for entry in batch)
        failure: OSError | None = None
        try:
            self._active.write(data, sum(entry.weight for entry in batch))
        except OSError as error:
            failure = error
        with self._lock:
            self._in_memory_bytes -= len(data)
        self._tell(failure)
        for entry in batch:
            if failure is None:
                entry.written.set_result(None)
            else:
                entry.written.set_exception(WalFullError(f"the log cannot be written: {failure.strerror}"))

    def _tell(self, failure: OSError | None) -> None:
        if failure is None:
            if self._fault:
                log.warning("the write-ahead log can be written again")
            self._fault = ""
            return
        if not self._fault:
            log.error("the write-ahead log in %s cannot be written (%s): refusing spans", self.folder, failure)
        self._fault = f"the write-ahead log cannot be written: {failure.strerror}"
        with self._lock:
            self._seal()

    def _seal(self) -> None:
        if self._active.close():
            sealed = Segment(path=self._active.path, size_bytes=self._active.size_bytes)
            self._sealed.append(sealed)
            self._backlog_bytes += sealed.size_bytes
            self._ready.notify()
        self._active = ActiveSegment(self.folder)


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True, mode=0o700)
        sync_folder(folder.parent)
    except OSError as error:
        raise ConfigError(
            f"the folder {folder} cannot be made ({error.strerror}): mend what is there, or choose another with --data"
        ) from error
