"""The invariant: every item that was ever acknowledged is somewhere, and can be shown.

    accepted = stored + quarantined + waiting + dead-lettered + discarded + settled + missing      missing must be 0

| term          | where it is counted, so that it outlives every process                                      |
|---------------|---------------------------------------------------------------------------------------------|
| accepted      | the books of each log (`wal.books`), written when a segment is sealed                       |
| waiting       | the names of the sealed segments                                                            |
| dead-lettered | the notes beside the dead letters                                                           |
| discarded     | the notes of dead letters that a person has deleted                                         |
| settled       | the file `wal/settled`: what was missing and a person has said is known (`llmtrace wal settle`) |
| stored        | the table `ingested` of the store, filled by the same inserts under the same tokens         |
| quarantined   | the same, where the fault is not empty                                                      |

What is in a segment that still grows is in neither `accepted` nor `waiting` here. What the door rejects was never
accepted. The counts are independent of each other: a segment that somebody removes, or a part that the store loses, is
seen as `missing`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llmtrace_collector.folder import write_whole
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal import dead
from llmtrace_collector.wal.books import Books
from llmtrace_collector.wal.places import AGAIN, written_in
from llmtrace_collector.wal.segment import Segment, sealed_in

TAKEN = (
    "SELECT signal, fault != '' AS quarantined, sum(items) AS items FROM ingested WHERE log = {log:String}"
    " GROUP BY signal, quarantined"
)
"""Asks the store for its side; the parameter is the log's identity."""


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The terms for one signal, all of one moment."""

    accepted: int = 0
    waiting: int = 0
    dead_lettered: int = 0
    discarded: int = 0
    settled: int = 0
    stored: int = 0
    quarantined: int = 0

    @property
    def missing(self) -> int:
        """What cannot be shown to be anywhere: 0, or something was lost (or counted twice, when negative)."""
        there = self.stored + self.quarantined + self.waiting + self.dead_lettered + self.discarded + self.settled
        return self.accepted - there

    def terms(self) -> dict[str, int]:
        """All terms by name."""
        return asdict(self) | {"missing": self.missing}


def ledgers(wal_folder: Path, taken: Iterable[Mapping[str, Any]]) -> dict[Signal, Ledger]:
    """All terms by signal. Nothing may be inserted meanwhile; appending goes on.

    `taken` are the rows of `TAKEN`.
    """
    accepted: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    for folder in written_in(wal_folder):
        # In this order: what is sealed in between has a greater number and belongs to the next time.
        books = Books.read(folder)
        accepted[folder.name] += books.items
        segments = (Segment(path=path, size_bytes=0) for path in sealed_in(folder))
        waiting[folder.name] += sum(each.items for each in segments if each.number <= books.last)
    for signal in Signal:
        again = sealed_in(wal_folder / AGAIN / signal)
        waiting[signal] += sum(Segment(path=path, size_bytes=0).items for path in again)
    dead_lettered, discarded = (_noted(wal_folder, kind) for kind in ("reason", "discarded"))
    settled = _settled(wal_folder)
    stored: Counter[str] = Counter()
    quarantined: Counter[str] = Counter()
    for row in taken:
        (quarantined if row["quarantined"] else stored)[row["signal"]] += int(row["items"])
    return {
        signal: Ledger(
            accepted=accepted[signal],
            waiting=waiting[signal],
            dead_lettered=dead_lettered[signal],
            discarded=discarded[signal],
            settled=settled.get(signal, 0),
            stored=stored[signal],
            quarantined=quarantined[signal],
        )
        for signal in Signal
    }


def _noted(wal_folder: Path, kind: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for signal, items in dead.books(wal_folder, kind):
        total[signal] += items
    return total


def ask_to_settle(wal_folder: Path) -> None:
    """Asks the collector to take what is missing now as known; it does at its next balance, or its next start."""
    write_whole(wal_folder / "settle", b"")


def settle_if_asked(wal_folder: Path, known: Mapping[Signal, Ledger]) -> bool:
    """Writes what is missing to the file of the settled, if a person has asked for it; True: it was written."""
    if not (wal_folder / "settle").exists():
        return False
    settled = {signal: ledger.settled + ledger.missing for signal, ledger in known.items()}
    write_whole(wal_folder / "settled", json.dumps(settled).encode())
    (wal_folder / "settle").unlink()
    return True


def _settled(wal_folder: Path) -> dict[str, int]:
    try:
        settled: dict[str, int] = json.loads((wal_folder / "settled").read_bytes())
    except FileNotFoundError:
        return {}
    return settled
