"""What is in a log's folder, read without changing anything; the collector may run meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llmtrace_collector.signals import Signal
from llmtrace_collector.wal.places import handed_in, written_in
from llmtrace_collector.wal.record import walk
from llmtrace_collector.wal.recovery import OPEN, SEALED, gaps_in, items_in
from llmtrace_collector.wal.segment import number_of


@dataclass(frozen=True, kw_only=True)
class Found:
    """A segment as it lies there."""

    path: Path
    signal: Signal
    size_bytes: int
    records: int
    """Sound ones."""
    items: int
    """In them."""
    expected: int | None
    """Items it was counted to hold when it was sealed; None: it still grows."""
    damage: tuple[str, ...]
    """What is wrong with it, one sentence each."""

    @property
    def is_open(self) -> bool:
        """It is being written, or its process has ended without a word."""
        return self.expected is None

    @property
    def age_s(self) -> float:
        """Since it was begun."""
        return max(0.0, time.time() - number_of(self.path) / 1e9)


def survey(wal_folder: Path) -> Iterator[Found]:
    """Every segment of a log, by folder and age; one that is stored and deleted meanwhile is left out."""
    for folder in (*written_in(wal_folder), *handed_in(wal_folder)):
        for path in sorted([*folder.glob(f"*{SEALED}"), *folder.glob(f"*{OPEN}")]):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            yield examine(path, Signal(folder.name), content)


def examine(path: Path, signal: Signal, content: bytes) -> Found:
    """One segment file from its bytes."""
    places = list(walk(content))
    sound = b"".join(content[place.start : place.end] for place in places)
    items = items_in(sound)
    parts = path.name.split(".")
    expected = int(parts[1]) if path.suffix == SEALED and len(parts) > 2 else None
    damage = [
        f"{end - start:,} bytes at {start:,} have no right checksum"
        for start, end in gaps_in(content)
        # What a process is just writing, or was when it was killed: nobody was told that it is kept.
        if not (end == len(content) and path.suffix == OPEN)
    ]
    if expected is not None and items < expected:
        damage.append(f"{expected - items:,} of {expected:,} items are not there")
    return Found(
        path=path,
        signal=signal,
        size_bytes=len(content),
        records=len(places),
        items=items,
        expected=expected,
        damage=tuple(damage),
    )
