"""Segments left from before: what is sound stays, the rest goes to the dead letters.

A write that was cut short leaves a torn tail, whose records were never acknowledged. Damage on disk may look the same,
so nothing is thrown away.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import sync_folder, write_whole
from llmtrace_collector.wal import dead
from llmtrace_collector.wal.books import Books
from llmtrace_collector.wal.record import items_of, walk

log = logging.getLogger(__name__)

OPEN, SEALED = ".open", ".seg"


def recover(folder: Path) -> None:
    """Mends, counts and seals what a process that ended without a word left in a folder of its own.

    Raises:
        ConfigError: a file can be neither read nor mended.
    """
    # A sealed name without a count is from before there were books.
    for path in sorted([*folder.glob(f"*{OPEN}"), *(p for p in folder.glob(f"*{SEALED}") if p.name.count(".") == 1)]):
        try:
            if mend(path):
                path.rename(sealed_name(path, items_in(path.read_bytes())))
            else:
                path.unlink()
        except OSError as error:
            raise ConfigError(
                f"the segment {path} cannot be mended ({error.strerror}): make room on its disk or mend its permissions"
            ) from error
    sync_folder(folder)
    _count(folder)


def _count(folder: Path) -> None:
    """Counts what has its last name and did not get into the books any more."""
    books = Books.read(folder)
    for path in sorted(folder.glob(f"*{SEALED}")):
        number, items = path.name.partition("-")[0], path.name.split(".")[1]
        if number.isdecimal() and books.last < int(number) < 2**63:
            books = books.counted(folder, int(number), int(items))


def sealed_name(path: Path, items: int) -> Path:
    """The last name of a segment with so many items."""
    return path.with_name(f"{path.name.partition('.')[0]}.{items}{SEALED}")


def items_in(records: bytes) -> int:
    """Spans, log records or metric points in sound records."""
    return sum(items_of(memoryview(records)[place.start : place.end]) for place in walk(records))


def mend(path: Path) -> int:
    """Leaves only sound records in a segment and gives its size in bytes."""
    content = path.read_bytes()
    gaps = gaps_in(content)
    if not gaps:
        return len(content)
    sound = b"".join(content[place.start : place.end] for place in walk(content))
    # What a sealed segment was counted to hold and does not hold any more was in the damaged bytes, or cut off.
    missing = max(0, int(path.name.split(".")[1]) - items_in(sound)) if path.name.count(".") > 1 else 0
    for nth, (start, end) in enumerate(gaps):
        _bury(path, content, start, end, missing if nth == 0 else 0)
    if gaps == [(len(sound), len(content))]:
        _cut(path, len(sound))
    else:
        write_whole(path, sound)
    return len(sound)


def gaps_in(content: bytes) -> list[tuple[int, int]]:
    """Start and end of what is between sound records, or behind the last."""
    places = list(walk(content))
    starts = [0, *(place.end for place in places)]
    ends = [*(place.start for place in places), len(content)]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def _bury(path: Path, content: bytes, start: int, end: int, items: int) -> None:
    torn = end == len(content) and path.suffix == OPEN
    what = "a write that was cut short and never acknowledged, or damage" if torn else "damage on disk"
    log.log(
        logging.WARNING if torn else logging.ERROR,
        "%s holds %d bytes at %d without a right checksum (%s): they go to the dead letters",
        path.name,
        end - start,
        start,
        what,
    )
    try:
        dead.bury(path, f"at-{start}", content[start:end], reason=f"the checksum is wrong: {what}", items=items)
    except OSError as error:
        if not torn:
            raise
        log.error("there is no room to keep the torn end of %s (%s)", path.name, error.strerror)


def _cut(path: Path, size: int) -> None:
    """Truncates in place: this needs no room."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
