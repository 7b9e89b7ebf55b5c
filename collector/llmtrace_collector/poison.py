"""Records that ClickHouse's parser refuses: found, repaired where they can be, and kept apart where they cannot.

Found by halving, with a table that stores nothing. A record is repaired when the way upb writes its request is taken:
protobuf allows more than ClickHouse's parser does (`otlp.canonical`). What will be done is noted durably before the
first insert, so that a crash in between repeats the same records under the same token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from llmtrace_collector import otlp
from llmtrace_collector.errors import PoisonError
from llmtrace_collector.folder import write_whole
from llmtrace_collector.landings import Landing
from llmtrace_collector.wal import Segment, dead
from llmtrace_collector.wal.record import request_of, walk, with_request
from llmtrace_collector.wal.recovery import items_in

Insert = Callable[[str, bytes, str], None]
"""Inserts records into a table under a token ('' for none)."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be done with a segment that does not parse as a whole."""

    records: int
    """In the segment."""
    repaired: frozenset[int]
    """Records that are inserted in their canonical form."""
    bad: dict[int, str]
    """Records that go to the dead letters, with the reason."""

    @staticmethod
    def _path(segment: Segment) -> Path:
        return segment.path.with_name(f"{segment.token}.plan")

    @classmethod
    def load(cls, segment: Segment) -> Plan | None:
        """The plan noted for this segment, if there is one."""
        try:
            noted = json.loads(cls._path(segment).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        bad = {int(number): reason for number, reason in noted["bad"].items()}
        return cls(records=noted["records"], repaired=frozenset(noted["repaired"]), bad=bad)

    def save(self, segment: Segment) -> None:
        """Notes it, durably."""
        noted = {"records": self.records, "repaired": sorted(self.repaired), "bad": self.bad}
        write_whole(self._path(segment), json.dumps(noted).encode())

    def carry_out(self, insert: Insert, landing: Landing, segment: Segment, content: bytes) -> None:
        """Inserts the good records under one token and buries the bad ones; safe to repeat."""
        records = split(content)
        good = [
            canonical_record(landing, record) if number in self.repaired else record
            for number, record in enumerate(records)
            if number not in self.bad
        ]
        if good:
            insert(landing.table, b"".join(good), f"{segment.token}:good")
        for number, reason in self.bad.items():
            dead.bury(segment.path, str(number), records[number], reason=reason, items=items_in(records[number]))
        self._path(segment).unlink(missing_ok=True)


def make_plan(insert: Insert, landing: Landing, content: bytes) -> Plan:
    """Finds the records at fault in a segment. Nothing is stored."""
    records = split(content)
    repaired: set[int] = set()
    bad: dict[int, str] = {}
    for number, reason in _at_fault(insert, landing, records):
        if _parses(insert, landing, canonical_record(landing, records[number])):
            repaired.add(number)
        else:
            bad[number] = reason
    return Plan(records=len(records), repaired=frozenset(repaired), bad=bad)


def split(content: bytes) -> list[bytes]:
    """The records of a segment."""
    return [content[place.start : place.end] for place in walk(content)]


def canonical_record(landing: Landing, record: bytes) -> bytes:
    """The record with its request as upb writes it, or as it is when that is no request."""
    try:
        return with_request(record, landing.canonical(request_of(record)))
    except otlp.MalformedError:
        return record


def _at_fault(insert: Insert, landing: Landing, records: list[bytes]) -> Iterator[tuple[int, str]]:
    halves = [(0, len(records))]
    while halves:
        first, end = halves.pop()
        try:
            insert(landing.check_table, b"".join(records[first:end]), "")
        except PoisonError as error:
            if end - first == 1:
                yield first, str(error)
            else:
                middle = (first + end) // 2
                halves += [(middle, end), (first, middle)]


def _parses(insert: Insert, landing: Landing, record: bytes) -> bool:
    try:
        insert(landing.check_table, record, "")
    except PoisonError:
        return False
    return True
