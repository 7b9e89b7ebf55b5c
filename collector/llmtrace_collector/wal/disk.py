"""Free room on the log's disk."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from llmtrace_collector.wal.limits import WalLimits

_SMALL_BYTES = 8 * 1024**2
"""Of a segment on the smallest disks."""


def fitted(limits: WalLimits, folder: Path) -> WalLimits:
    """The limits for a log in `folder`: on a small disk segments are small, for each lies there twice for a while."""
    try:
        usage = os.statvfs(folder)
    except OSError:  # told by `Disk`, again and again
        return limits
    most = max(_SMALL_BYTES, usage.f_blocks * usage.f_frsize // 32)
    return replace(limits, segment_bytes=min(limits.segment_bytes, most))


class Disk:
    """Free room above the reserve, asked of the file system at most ten times a second."""

    def __init__(self, folder: Path, limits: WalLimits) -> None:
        self._folder = folder
        self._limits = limits
        self._asked_at = float("-inf")
        self._room_bytes = 0
        self._fault = ""

    def why_full(self, size: int) -> str:
        """Why `size` more bytes would not fit above the reserve; '' when they do."""
        room_bytes = self.room_bytes()
        if self._fault:
            return self._fault
        return f"the disk of {self._folder} is full" if size > room_bytes else ""

    def room_bytes(self) -> int:
        """Free above the reserve; 0 when it cannot be asked, negative when the reserve is used."""
        now = time.monotonic()
        if now - self._asked_at > 0.1:
            self._asked_at = now
            self._ask()
        return self._room_bytes

    def _ask(self) -> None:
        try:
            usage = os.statvfs(self._folder)
        except OSError as error:
            self._room_bytes = 0
            self._fault = f"the folder {self._folder} cannot be used ({error.strerror})"
            return
        self._fault = ""
        free, total = usage.f_bavail * usage.f_frsize, usage.f_blocks * usage.f_frsize
        self._room_bytes = free - self._reserve(total)

    def _reserve(self, total: int) -> int:
        """256 MiB; on a small disk 5 % or four segments: one in the log, its copy in the store, its part, a merge."""
        four_segments = min(4 * self._limits.segment_bytes, total // 4)
        return min(self._limits.reserve_bytes, max(total // 20, four_segments))
