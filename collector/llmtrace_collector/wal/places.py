"""Where things are in the log's folder.

DIR/wal/
  traces/ logs/ metrics/           written by the collector itself:
    NUMBER-CHANCE.open               grows
    NUMBER-CHANCE.ITEMS.seg          waits for the writer
    NUMBER-CHANCE.plan               what will be done with one that does not parse as a whole (`poison`)
    books                            how many items were ever sealed here (`books`)
  receivers/K/traces/ ...          the same, written by the K-th further receiver process
  again/traces/ ...                dead letters that a person has sent back (`llmtrace wal replay`)
  given/traces/ ...                segment files that a person has handed in
  dead/traces/ ...                 what could not be stored, with the reason (`dead`)
  id                               names this log in the store's counts
  schema                           the schema version under which the last segments were inserted
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

from llmtrace_collector.folder import write_whole
from llmtrace_collector.signals import Signal

RECEIVERS = "receivers"
AGAIN = "again"
GIVEN = "given"


def dead_folder(wal_folder: Path) -> Path:
    """Of the dead letters."""
    return wal_folder / "dead"


def receiver_folder(wal_folder: Path, number: int) -> Path:
    """The log of a further receiver process, numbered from 1."""
    return wal_folder / RECEIVERS / str(number)


def receivers_in(wal_folder: Path) -> list[int]:
    """The receivers that have or had a log."""
    return sorted(int(each.name) for each in (wal_folder / RECEIVERS).glob("*") if each.name.isdecimal())


def written_in(wal_folder: Path) -> Iterator[Path]:
    """The folders with books: one per signal and writing process, whether they are there or not."""
    for base in (wal_folder, *(receiver_folder(wal_folder, number) for number in receivers_in(wal_folder))):
        yield from (base / signal for signal in Signal)


def handed_in(wal_folder: Path) -> Iterator[Path]:
    """The folders a person's commands put segments into."""
    for base in (AGAIN, GIVEN):
        yield from (wal_folder / base / signal for signal in Signal)


def wal_of(segment: Path) -> Path:
    """The log's folder from a segment's path."""
    base = segment.parent.parent
    if base.parent.name == RECEIVERS:
        return base.parent.parent
    return base.parent if base.name in {AGAIN, GIVEN} else base


def identity(wal_folder: Path) -> str:
    """What this log is called in the store's counts: made by chance at the first call, and kept."""
    file = wal_folder / "id"
    if not file.exists():
        write_whole(file, secrets.token_hex(8).encode())
    return file.read_text(encoding="ascii")


def schema_of(wal_folder: Path) -> int:
    """The schema version under which the last segments were inserted; 0: by a collector that did not note it."""
    file = wal_folder / "schema"
    return int(file.read_text(encoding="ascii")) if file.exists() else 0


def note_schema(wal_folder: Path, version: int) -> None:
    """Notes it, durably, before the first insert under it."""
    if schema_of(wal_folder) != version:
        write_whole(wal_folder / "schema", str(version).encode())
