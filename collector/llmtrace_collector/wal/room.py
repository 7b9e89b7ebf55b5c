"""How much may still be taken: the quota of all segments, the memory of what is being written, the disk."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from llmtrace_collector.errors import CollectorError
from llmtrace_collector.wal.disk import Disk
from llmtrace_collector.wal.limits import WalLimits


class WalFullError(CollectorError):
    """The log cannot take more just now: its quota or the disk is full. Retry later."""


class Room:
    """Shared by the logs of all signals. Thread-safe."""

    def __init__(self, folder: Path, limits: WalLimits, *, elsewhere: bool = False) -> None:
        """`elsewhere`: what waits is told by the process that empties the log (`publish`), about once a second."""
        self._limits = limits
        self._told = folder / "waiting" if elsewhere else None
        self._disk = Disk(folder, limits)
        # Guards what follows.
        self._lock = threading.Lock()
        self._on_disk_bytes = 0
        self._in_memory_bytes = 0

    def reserve(self, size: int) -> None:
        """Counts a record that will be written.

        Raises:
            WalFullError: there is no room; nothing was counted.
        """
        with self._lock:
            if reason := self._why_refusing(size):
                raise WalFullError(reason)
            self._in_memory_bytes += size

    def why_refusing(self, size: int) -> str:
        """Why so many bytes would be refused now; '' when they would be taken."""
        with self._lock:
            return self._why_refusing(size)

    def _why_refusing(self, size: int) -> str:
        waiting = self._waiting() + size
        if waiting > self._limits.quota_bytes:
            return f"{waiting:,} bytes wait for ClickHouse, the quota is {self._limits.quota_bytes:,}"
        if self._in_memory_bytes + size > self._limits.in_memory_bytes:
            return "the disk does not keep up"
        return self._disk.why_full(self._in_memory_bytes + size)

    def _waiting(self) -> int:
        return self._on_disk_bytes + self._in_memory_bytes + (_published(self._told) if self._told else 0)

    def left_bytes(self) -> int:
        """What may still be taken: the least of the quota's rest and the disk's room above the reserve."""
        with self._lock:
            return max(0, min(self._limits.quota_bytes - self._waiting(), self._disk.room_bytes()))

    def written(self, size: int) -> None:
        """What was reserved is on disk now."""
        with self._lock:
            self._in_memory_bytes -= size
            self._on_disk_bytes += size

    def given_up(self, size: int) -> None:
        """What was reserved will not be written."""
        with self._lock:
            self._in_memory_bytes -= size

    def found(self, size: int) -> None:
        """Counts what was on disk already; negative for what is gone."""
        with self._lock:
            self._on_disk_bytes += size

    @property
    def backlog_bytes(self) -> int:
        """On disk and not yet in ClickHouse."""
        with self._lock:
            return self._on_disk_bytes


def publish(folder: Path, backlog_bytes: int) -> None:
    """Tells the receiver processes how much waits in all."""
    descriptor = os.open(folder / "waiting", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, backlog_bytes.to_bytes(8, "little", signed=True), 0)
    finally:
        os.close(descriptor)


def _published(file: Path) -> int:
    try:
        return max(0, int.from_bytes(file.read_bytes(), "little", signed=True))
    except FileNotFoundError:
        return 0
