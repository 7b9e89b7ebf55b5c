"""A sealed file of the log: NUMBER-CHANCE.ITEMS.seg in the folder of its signal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from llmtrace_collector.signals import Signal
from llmtrace_collector.wal.places import GIVEN
from llmtrace_collector.wal.recovery import SEALED, mend


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Records of one signal, waiting to be stored."""

    path: Path
    size_bytes: int

    @property
    def token(self) -> str:
        """The deduplication token of its insert; never used by another segment."""
        return self.path.name.partition(".")[0]

    @property
    def signal(self) -> Signal:
        """What its records are: the name of its folder."""
        return Signal(self.path.parent.name)

    @property
    def items(self) -> int:
        """Spans, log records or metric points, as counted when it was sealed."""
        return int(self.path.name.split(".")[1])

    @property
    def number(self) -> int:
        """Its place in the order of its log: about the time it was begun, Unix nanoseconds."""
        return number_of(self.path)

    @property
    def is_given(self) -> bool:
        """A person has handed it in; this log never wrote it."""
        return self.path.parent.parent.name == GIVEN

    def read(self) -> bytes:
        """Its records, all sound; what was damaged on disk meanwhile goes to the dead letters."""
        mend(self.path)
        return self.path.read_bytes()


def number_of(path: Path) -> int:
    """The number a file of the log begins with; 0 for a name of another form."""
    text = path.name.partition("-")[0]
    return int(text) if text.isdecimal() else 0


def sealed_in(folder: Path) -> list[Path]:
    """The sealed segments of a folder, oldest first."""
    return sorted(folder.glob(f"*.*{SEALED}"))
