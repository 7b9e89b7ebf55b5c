"""Segments left from before: what is sound stays, the rest goes to the dead letters.

A write that was cut short leaves a torn tail, whose records were never acknowledged. Damage on disk may look the same,
so nothing is thrown away.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import sync_folder, write_whole
from llmtrace_collector.wal import dead
from llmtrace_collector.wal.record import Place, walk

log = logging.getLogger(__name__)


def recover(folder: Path) -> None:
    """Mends and seals what a process that ended without a word left open in a folder of its own.

    Raises:
        ConfigError: a file can be neither read nor mended.
    """
    for path in sorted(folder.glob("*.open")):
        try:
            if mend(path):
                path.rename(path.with_suffix(".seg"))
            else:
                path.unlink()
        except OSError as error:
            raise ConfigError(
                f"the segment {path} cannot be mended ({error.strerror}): make room on its disk or mend its permissions"
            ) from error
    sync_folder(folder)


def mend(path: Path) -> int:
    """Leaves only sound records in a segment and gives its size in bytes."""
    content = path.read_bytes()
    places = list(walk(content))
    gaps = list(_gaps(places, len(content)))
    if not gaps:
        return len(content)
    for start, end in gaps:
        _bury(path, content, start, end)
    kept = sum(place.end - place.start for place in places)
    if gaps == [(kept, len(content))]:
        _cut(path, kept)
    else:
        write_whole(path, b"".join(content[place.start : place.end] for place in places))
    return kept


def _gaps(places: list[Place], size: int) -> Iterator[tuple[int, int]]:
    starts = [0, *(place.end for place in places)]
    ends = [*(place.start for place in places), size]
    return ((start, end) for start, end in zip(starts, ends, strict=True) if start < end)


def _bury(path: Path, content: bytes, start: int, end: int) -> None:
    at_end = end == len(content)
    what = "a write that was cut short and never acknowledged, or damage" if at_end else "damage on disk"
    log.log(
        logging.WARNING if at_end else logging.ERROR,
        "%s holds %d bytes at %d without a right checksum (%s): they go to the dead letters",
        path.name,
        end - start,
        start,
        what,
    )
    try:
        dead.bury(path, f"at-{start}", content[start:end], f"the checksum is wrong: {what}")
    except OSError as error:
        if not at_end:
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
