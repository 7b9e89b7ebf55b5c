"""Tokens of inserts that ClickHouse noted but never carried out, because it was killed in between.

A MergeTree table notes the token of an insert in `deduplication_logs/` first and renames the part that it has written
to its name after that::

    1 <tab> 20261123_7_7_0 <tab> 20261123_5074581115459843643_7957966388422039050      1: added, 2: dropped

A SIGKILL between the two leaves the token without its rows, and the insert, repeated under its token, would change
nothing: the rows are lost in that table. So before the engine opens its folder, records at the end whose part is not
there, neither by itself nor in a part that it was merged into, are cut off, and so is half a record. Order and form as
in ClickHouse's `MergeTreeSink` and `MergeTreeDeduplicationLog`; a file of another form is left as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ADDED = b"1"
_PART = re.compile(r"([^_]+)_(\d+)_(\d+)_\d+(?:_\d+)?")
_MOST_RECORDS = 100
"""That one insert can leave at the end: ClickHouse refuses one into more partitions."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """The blocks of rows that a part holds: each insert into a partition is one block."""

    partition: str
    first: int
    last: int

    @classmethod
    def named(cls, name: str) -> Part | None:
        """By the name of its folder, `PARTITION_FIRST_LAST_LEVEL[_MUTATION]`; None: not that of a part."""
        match = _PART.fullmatch(name)
        return cls(partition=match[1], first=int(match[2]), last=int(match[3])) if match else None

    def holds(self, other: Part) -> bool:
        """Whether the other one is this one, or was merged into it."""
        return self.partition == other.partition and self.first <= other.first and other.last <= self.last


def forget_unwritten(engine: Path) -> int:
    """Cuts such records off in every table of the (closed) engine's folder, and gives how many they were."""
    return sum(_forget(logs) for logs in engine.glob("store/*/*/deduplication_logs"))


def _forget(logs: Path) -> int:
    parts = [part for entry in logs.parent.iterdir() if (part := Part.named(entry.name))]
    cut = 0
    for path in sorted(logs.glob("deduplication_log_*.txt"), key=_number, reverse=True):
        content = path.read_bytes()
        keep = content.rfind(b"\n") + 1
        for line in _from_the_end(content[:keep]):
            fields = line.split(b"\t")
            part = Part.named(fields[1].decode(errors="replace")) if len(fields) == 3 and fields[0] == _ADDED else None
            if part is None or cut == _MOST_RECORDS or any(each.holds(part) for each in parts):
                _truncate(path, keep, len(content))
                return cut
            keep -= len(line) + 1
            cut += 1
        _truncate(path, keep, len(content))
    return cut


def _number(path: Path) -> int:
    return int(path.stem.rsplit("_", 1)[1])


def _from_the_end(content: bytes) -> Iterator[bytes]:
    return reversed(content.split(b"\n")[:-1])


def _truncate(path: Path, keep: int, size: int) -> None:
    if keep == size:
        return
    with path.open("r+b") as file:
        file.truncate(keep)
        os.fsync(file.fileno())
