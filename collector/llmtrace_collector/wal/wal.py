"""The front of the log: one folder per signal behind it, one quota, one queue to the writer (`places` has the map)."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import sync_folder
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal import places
from llmtrace_collector.wal.backlog import Backlog
from llmtrace_collector.wal.disk import fitted
from llmtrace_collector.wal.limits import WalLimits
from llmtrace_collector.wal.log import Log
from llmtrace_collector.wal.recovery import recover
from llmtrace_collector.wal.room import Room, publish
from llmtrace_collector.wal.segment import Segment


class Appender(Protocol):
    """What the doors need of a log."""

    def append(self, record: bytes, *, weight: int = 0, signal: Signal = Signal.TRACES) -> Future[None]:
        """As `Wal.append`."""

    def why_refusing(self) -> str:
        """As `Wal.why_refusing`."""


class ReceiverLog:
    """What a further receiver process appends to; the collector's writer empties it. Thread-safe, one per number."""

    def __init__(self, wal_folder: Path, number: int, limits: WalLimits | None = None) -> None:
        """Opens the receiver's folder (the caller holds its lock), mends and seals what was left open in it.

        Raises:
            ConfigError: a folder cannot be made, or a file left from before can be neither read nor mended.
        """
        limits = fitted(limits or WalLimits(), wal_folder)
        room = Room(wal_folder, limits, elsewhere=True)
        base = places.receiver_folder(wal_folder, number)
        self._logs = _Logs(_opened(base), limits, room)

    def append(self, record: bytes, *, weight: int = 0, signal: Signal = Signal.TRACES) -> Future[None]:
        """As `Wal.append`."""
        return self._logs.append(record, weight=weight, signal=signal)

    def why_refusing(self) -> str:
        """As `Wal.why_refusing`."""
        return self._logs.why_refusing()

    def close(self) -> None:
        """As `Wal.close`."""
        self._logs.close()


class Wal:
    """A durable queue of OTLP requests in a folder. Thread-safe; one `Wal` per folder (the caller holds a lock)."""

    def __init__(self, folder: Path, limits: WalLimits | None = None) -> None:
        """Opens the folder, mends and seals what was left open in it, and starts the committer threads.

        Raises:
            ConfigError: a folder cannot be made, or a file left from before can be neither read nor mended.
        """
        self.folder = folder
        _made(folder / Signal.TRACES)
        self.limits = fitted(limits or WalLimits(), folder)
        for path in folder.glob("*.seg"):  # from before there were signals
            path.rename(folder / Signal.TRACES / path.with_suffix(".open").name)
        own = _opened(folder)
        self.identity = places.identity(folder)
        """Names this log in the store's counts."""
        self._room = Room(folder, self.limits)
        self._backlog = Backlog(self._room, folder, own.values())
        self._logs = _Logs(own, self.limits, self._room, self._backlog)

    def append(self, record: bytes, *, weight: int = 0, signal: Signal = Signal.TRACES) -> Future[None]:
        """Queues one encoded record; the future resolves when it is on disk.

        `weight` is about what its rows will take in ClickHouse's memory, bytes.

        Raises:
            WalFullError: the quota is used up; also what the future fails with when the disk is full.
        """
        return self._logs.append(record, weight=weight, signal=signal)

    def why_refusing(self) -> str:
        """Why a request of ordinary size would be refused now; '' when it would be taken."""
        return self._logs.why_refusing()

    def take(self, timeout_s: float) -> Segment | None:
        """The oldest sealed segment, which stays first until `done`; None when there is none in time."""
        return self._backlog.take(timeout_s)

    def done(self, segment: Segment) -> None:
        """Deletes a segment that ClickHouse has on disk (or that lies with the dead letters)."""
        self._backlog.done(segment)

    def look(self) -> None:
        """Finds what other processes have sealed, and tells them how much waits in all."""
        self._backlog.look()
        publish(self.folder, self._room.backlog_bytes)

    @property
    def backlog_bytes(self) -> int:
        """On disk and not yet in ClickHouse."""
        return self._room.backlog_bytes

    @property
    def room_bytes(self) -> int:
        """What may still be taken: the least of the quota's rest and the disk's above the reserve."""
        return self._room.left_bytes()

    def oldest(self) -> Segment | None:
        """The segment that has waited longest."""
        return self._backlog.oldest()

    def waiting(self) -> int:
        """The number of sealed segments."""
        return self._backlog.count()

    def close(self) -> None:
        """Commits what is pending, seals and stops; nothing is appended afterwards. Twice is safe."""
        self._logs.close()


class _Logs:
    """One log per signal."""

    def __init__(self, folders: dict[Signal, Path], limits: WalLimits, room: Room, backlog: Backlog | None = None):
        def sealed(segment: Segment) -> None:
            if backlog:
                backlog.add(segment)
            else:  # the collector finds it and counts its bytes
                room.found(-segment.size_bytes)

        self._room = room
        self._ordinary_bytes = min(64 * 1024, limits.quota_bytes // 4)
        waiting = backlog.count if backlog else lambda: 0
        self._logs = {signal: Log(folder, limits, room, sealed, waiting) for signal, folder in folders.items()}

    def append(self, record: bytes, *, weight: int, signal: Signal) -> Future[None]:
        return self._logs[signal].append(record, weight=weight)

    def why_refusing(self) -> str:
        ended = (each.why_ended() for each in self._logs.values())
        faults = (each.fault for each in self._logs.values())
        return next((why for why in (*ended, self._room.why_refusing(self._ordinary_bytes), *faults) if why), "")

    def close(self) -> None:
        for each in self._logs.values():
            each.close()


def recover_receiver(wal_folder: Path, number: int) -> None:
    """Mends and seals what a receiver process that is no more has left (the caller holds its lock).

    Raises:
        ConfigError: a file can be neither read nor mended.
    """
    _opened(places.receiver_folder(wal_folder, number))


def _opened(base: Path) -> dict[Signal, Path]:
    folders = {signal: _made(base / signal) for signal in Signal}
    for each in folders.values():
        recover(each)
    return folders


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
