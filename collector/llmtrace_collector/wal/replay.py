"""Sending records to the writer once more: dead letters, and segment files from somewhere else.

Both are put where the writer of a running collector finds them at once, and of a stopped one at its next start.
"""

from __future__ import annotations

import os
from pathlib import Path

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import made, sync_folder, write_whole
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal.dead import Letter
from llmtrace_collector.wal.places import AGAIN, GIVEN
from llmtrace_collector.wal.record import walk
from llmtrace_collector.wal.recovery import SEALED, items_in


def send_again(wal_folder: Path, letter: Letter) -> Path:
    """Moves a dead letter back on its way; under its own token, so that it is stored once however often it is sent."""
    folder = made(made(wal_folder / AGAIN) / letter.signal)
    segment = folder / f"{letter.path.stem}.{letter.items}{SEALED}"
    letter.path.rename(segment)
    sync_folder(folder)
    letter.path.with_suffix(".reason").unlink(missing_ok=True)
    sync_folder(letter.path.parent)
    return segment


def hand_in(wal_folder: Path, file: Path, signal: Signal) -> int:
    """Copies a segment file to the writer and gives the number of records in it.

    Its name stays its token: one that ClickHouse has taken already, within the window of tokens, changes nothing.

    Raises:
        ConfigError: the file cannot be read, or there is no sound record in it.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror})") from error
    records = sum(1 for _ in walk(content))
    if not records:
        raise ConfigError(f"there is no sound record in {file}: is it a segment of a log?")
    folder = made(made(wal_folder / GIVEN) / signal)
    token = file.name.partition(".")[0]
    waiting = folder / f"{token}.{items_in(content)}{SEALED}"
    hidden = waiting.with_name(f".{token}.{os.getpid()}")
    write_whole(hidden, content)
    hidden.rename(waiting)
    sync_folder(folder)
    return records
