"""A service's log file, which must never hold up the service."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import IO


class LogFile:
    """A log that skips what the disk has no room for and goes on when there is some."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def append(self, raw: bytes) -> None:
        """Adds a line, if there is room for it."""
        try:
            if self._file is None:
                self._file = self.path.open("ab", buffering=0)
            self._file.write(raw)
        except OSError:
            self.close()

    def close(self) -> None:
        """Closes it; the next line opens it again."""
        file, self._file = self._file, None
        if file:
            with suppress(OSError):
                file.close()
