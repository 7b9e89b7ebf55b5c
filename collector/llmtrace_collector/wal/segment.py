"""A sealed file of the log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from llmtrace_collector.signals import Signal
from llmtrace_collector.wal.recovery import mend

OPEN, SEALED = ".open", ".seg"


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Records of one signal, waiting to be stored."""

    path: Path
    size_bytes: int

    @property
    def token(self) -> str:
        """The deduplication token of its insert; never used by another segment."""
        return self.path.stem

    @property
    def signal(self) -> Signal:
        """What its records are: the name of its folder."""
        return Signal(self.path.parent.name)

    def read(self) -> bytes:
        """Its records, all sound; what was damaged on disk meanwhile goes to the dead letters."""
        mend(self.path)
        return self.path.read_bytes()
