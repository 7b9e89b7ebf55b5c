"""The front of the log: one folder per signal behind it, one quota, one queue to the writer.

DIR/wal/
  traces/  logs/  metrics/       NAME.open grows, NAME.seg waits, NAME.plan what will be done with one that is damaged
  receivers/K/traces/ ...        the same, written by the K-th further receiver process
  dead/traces/ ...               what could not be stored, with the reason (`dead`)
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import sync_folder
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal.backlog import Backlog
from llmtrace_collector.wal.limits import WalLimits
from llmtrace_collector.wal.log import Log
from llmtrace_collector.wal.recovery import recover
from llmtrace_collector.wal.room import Room
from llmtrace_collector.wal.segment import Segment


class Wal:
    """A durable queue of OTLP requests in a folder. Thread-safe; one `Wal` per folder (the caller holds a lock)."""

    def __init__(self, folder: Path, limits: WalLimits | None = None) -> None:
        """Opens the folder, mends and seals what was left open in it, and starts the committer threads.

        Raises:
            ConfigError: a folder cannot be made, or a file left from before can be neither read nor mended.
        """
        self.folder = folder
        self.limits = limits or WalLimits()
        folders = {signal: _made(folder / signal) for signal in Signal}
        for path in folder.glob("*.seg"):
            path.rename(folders[Signal.TRACES] / path.name)  # from before there were signals
        for each in folders.values():
            recover(each)
        self._room = Room(folder, self.limits)
        self._backlog = Backlog(self._room, folders.values())
        self._logs = {signal: Log(each, self.limits, self._room, self._backlog.add) for signal, each in folders.items()}

    def append(self, record: bytes, *, weight: int = 0, signal: Signal = Signal.TRACES) -> Future[None]:
        """Queues one encoded record; the future resolves when it is on disk.

        `weight` is about what its rows will take in ClickHouse's memory, bytes.

        Raises:
            WalFullError: the quota is used up; also what the future fails with when the disk is full.
        """
        return self._logs[signal].append(record, weight)

    def why_refusing(self) -> str:
        """Why a request of ordinary size would be refused now; '' when it would be taken."""
        ended = (each.why_ended() for each in self._logs.values())
        faults = (each.fault for each in self._logs.values())
        ordinary = min(64 * 1024, self.limits.quota_bytes // 4)
        return next((why for why in (*ended, self._room.why_refusing(ordinary), *faults) if why), "")

    def take(self, timeout_s: float) -> Segment | None:
        """The oldest sealed segment, which stays first until `done`; None when there is none in time."""
        return self._backlog.take(timeout_s)

    def done(self, segment: Segment) -> None:
        """Deletes a segment that ClickHouse has on disk (or that lies with the dead letters)."""
        self._backlog.done(segment)

    def close(self) -> None:
        """Commits what is pending, seals and stops; nothing is appended afterwards. Twice is safe."""
        for each in self._logs.values():
            each.close()


def _made(folder: Path) -> Path:
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, mode=0o700)
            sync_folder(folder.parent)
    except OSError as error:
        raise ConfigError(
            f"the folder {folder} cannot be made ({error.strerror}): mend what is there, or choose another with --data"
        ) from error
    return folder
