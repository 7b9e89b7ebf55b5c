"""The segment that grows."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from llmtrace_collector.folder import sync_folder
from llmtrace_collector.wal.limits import WalLimits
from llmtrace_collector.wal.recovery import OPEN, sealed_name

_AT_ONCE = 512
"""Records in one system call; Linux takes 1,024, POSIX promises 16."""


class ActiveSegment:
    """A file that is made with its first record, so that an idle collector touches no disk."""

    def __init__(self, folder: Path, after: int = 0) -> None:
        """`after` is the number of the segment before it: this one's name sorts behind it whatever the clock says."""
        self._folder = folder
        self.number = after
        self.path = folder
        self._descriptor = -1
        self._first_at = 0.0
        self._weight = 0
        self.size_bytes = 0
        """Durable bytes."""
        self.items = 0
        """In them."""

    def write(self, records: Sequence[bytes], *, weight: int, items: int) -> None:
        """Appends whole records and returns when they are durable; on an error the file is as it was before.

        Raises:
            OSError: the disk does not take it.
        """
        if self._descriptor < 0:
            self._descriptor = self._create()
            self._first_at = time.monotonic()
        try:
            for at in range(0, len(records), _AT_ONCE):
                self._write(records[at : at + _AT_ONCE])
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self.size_bytes += sum(map(len, records))
        self._weight += weight
        self.items += items

    def _write(self, records: Sequence[bytes]) -> None:
        """From where they are: joining them first would copy everything once more."""
        written = os.writev(self._descriptor, records)
        if written < sum(map(len, records)):
            view = memoryview(b"".join(records))[written:]
            while view:
                view = view[os.write(self._descriptor, view) :]

    def _create(self) -> int:
        """The file, named by the time and by chance, so that no other ever has its name."""
        self.number = max(time.time_ns(), self.number + 1)
        self.path = self._folder / f"{self.number:026d}-{secrets.token_hex(4)}{OPEN}"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            sync_folder(self._folder)
        except OSError:
            os.close(descriptor)
            self.path.unlink(missing_ok=True)
            raise
        return descriptor

    def expires_in_s(self, age_s: float) -> float | None:
        """Seconds until it is so old; None: it is empty."""
        if not self.size_bytes:
            return None
        return max(0.0, self._first_at + age_s - time.monotonic())

    def is_full(self, limits: WalLimits) -> bool:
        """It is large or heavy enough to be sealed."""
        return self.size_bytes >= limits.segment_bytes or self._weight >= limits.segment_weight

    def seal(self) -> Path | None:
        """Closes the file and gives it its last name; None when nothing durable was in it, and then it is gone."""
        if self._descriptor < 0:
            return None
        os.close(self._descriptor)
        self._descriptor = -1
        if not self.size_bytes:
            self.path.unlink(missing_ok=True)
            return None
        sealed = sealed_name(self.path, self.items)
        self.path.rename(sealed)
        # Not synced: after a power loss the old name is found, which is mended and sealed at the next start.
        return sealed
