"""Silences in watch.db: what people asked to be left alone with, until when, and why."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from llmtrace_collector.watch.policy.matchers import Matcher, all_match, parse
from llmtrace_collector.watch.sql import statements
from llmtrace_collector.watch.times import from_ms, iso, to_ms

SQL = statements("policy.sql")

KEPT = timedelta(days=30)
"""How long one stays to be seen after its end."""


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Alerts that all of `matchers` mean are not told of from `begins` until `ends`."""

    id: str
    matchers: tuple[Matcher, ...]
    begins: datetime
    ends: datetime
    reason: str
    who: str

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.begins <= now < self.ends

    def as_json(self) -> dict[str, object]:
        """For people and programs."""
        return {
            "id": self.id,
            "matchers": [str(matcher) for matcher in self.matchers],
            "begins": iso(self.begins),
            "ends": iso(self.ends),
            "reason": self.reason,
            "who": self.who,
        }


def silencing(silences: Sequence[Silence], labels: Mapping[str, str], now: datetime) -> Silence | None:
    """The one in force that means an alert with these labels; None: there is none."""
    return next((one for one in silences if one.holds(now) and all_match(one.matchers, labels)), None)


def put(db: sqlite3.Connection, silence: Silence) -> None:
    """Adds one."""
    row = {
        "silence_id": silence.id,
        "matchers": json.dumps([str(matcher) for matcher in silence.matchers]),
        "begins_ms": to_ms(silence.begins),
        "ends_ms": to_ms(silence.ends),
        "reason": silence.reason,
        "who": silence.who,
    }
    db.execute(SQL["put_silence"], row)
    db.execute(SQL["prune_silences"], {"before_ms": to_ms(silence.begins - KEPT)})


def end(db: sqlite3.Connection, silence_id: str, now: datetime) -> bool:
    """Ends one now; False: there is none of that id that is not over."""
    return db.execute(SQL["end_silence"], {"silence_id": silence_id, "now_ms": to_ms(now)}).rowcount > 0


def read(db: sqlite3.Connection) -> list[Silence]:
    """All that are kept, those that end first first."""
    return [
        Silence(
            id=row["silence_id"],
            matchers=tuple(parse(text) for text in json.loads(row["matchers"])),
            begins=from_ms(row["begins_ms"]),
            ends=from_ms(row["ends_ms"]),
            reason=row["reason"],
            who=row["who"],
        )
        for row in db.execute(SQL["silences"])
    ]
