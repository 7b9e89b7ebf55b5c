"""Dead letters: records that could not be stored, with the reason, for a person to look at.

wal/dead/SIGNAL/SEGMENT-PART.records     the records, in the segment's own form; PART says which of the segment they are
wal/dead/SIGNAL/SEGMENT-PART.reason      one sentence; on a second line the number of items, for the books
wal/dead/SIGNAL/SEGMENT-PART.discarded   the same, of a letter that a person has deleted
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llmtrace_collector.folder import made, sync_folder, write_whole
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal.places import dead_folder, wal_of


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One dead letter."""

    path: Path
    """Of its records."""
    reason: str
    items: int
    """Spans, log records or metric points the books count for it."""

    @property
    def signal(self) -> Signal:
        """What its records are."""
        return Signal(self.path.parent.name)

    @property
    def age_s(self) -> float:
        """Since it was written."""
        return max(0.0, time.time() - self.path.stat().st_mtime)

    def discard(self) -> None:
        """Deletes the records for good; that they were deleted, and why they were here, stays noted."""
        note = self.path.with_suffix(".reason")
        note.rename(self.path.with_suffix(".discarded"))
        self.path.unlink()
        sync_folder(self.path.parent)


def bury(segment: Path, part: str, records: bytes, *, reason: str, items: int) -> Path:
    """Writes `records` of a segment and why; durable when this returns. The same part again replaces what was there."""
    folder = made(made(dead_folder(wal_of(segment))) / segment.parent.name)
    file = folder / f"{segment.name.partition('.')[0]}-{part}.records"
    write_whole(file.with_suffix(".reason"), f"{_one_line(reason)}\nitems: {items}\n".encode())
    write_whole(file, records)
    return file


def letters(wal_folder: Path) -> list[Letter]:
    """All dead letters of a log, oldest segment first."""
    found = []
    for path in sorted(dead_folder(wal_folder).glob("*/*.records"), key=lambda path: path.name):
        reason, items = _note(path.with_suffix(".reason"))
        found.append(Letter(path=path, reason=reason, items=items))
    return found


def books(wal_folder: Path, kind: str) -> Iterator[tuple[Signal, int]]:
    """The items of each note of a kind, `reason` or `discarded`."""
    for path in dead_folder(wal_folder).glob(f"*/*.{kind}"):
        if kind == "reason" and not path.with_suffix(".records").exists():
            continue  # its records were sent again, or are not written yet
        yield Signal(path.parent.name), _note(path)[1]


def _note(path: Path) -> tuple[str, int]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return "no reason was noted", 0
    items = lines[1].removeprefix("items: ") if len(lines) > 1 else ""
    return (lines[0] if lines else ""), (int(items) if items.isdecimal() else 0)


def _one_line(text: str) -> str:
    return " ".join(text.split())
