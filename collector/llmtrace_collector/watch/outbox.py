"""The outbox in watch.db: notices on their way to receivers.

    waiting --claim--> waiting, in flight --settle--> delivered | waiting (retry later) | failed
       ^                       |
       +------ recover --------+   the process died between the attempt and its record

A claim is durable before the request is made: it moves `due` on, so that neither a crash nor a full disk makes a
receiver be called in a loop. Notices of one alert leave in order: a resolved never overtakes its firing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from llmtrace_collector.watch.journal import SQL
from llmtrace_collector.watch.times import to_ms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from llmtrace_collector.channels import Channel
    from llmtrace_collector.watch.transition import Transition

KEPT = timedelta(days=30)
"""How long notices that are done with stay for inspection."""


def put_about(db: sqlite3.Connection, about: Mapping[str, str | int | bytes], channels: Iterable[Channel]) -> None:
    """A notice for each of `channels`, due at once; `about` has event_id, rule, group_key, body and now_ms."""
    for channel in channels:
        place = {"resolves": None, "endpoint": channel.endpoint, "webhook": str(channel)}
        db.execute(SQL["put_notice"], {**about, **place})


def waiting_for(db: sqlite3.Connection, rule: str, group_key: str) -> set[str]:
    """The receivers to which a notice about these is on its way."""
    rows = db.execute(SQL["waiting_for"], {"rule": rule, "group_key": group_key})
    return {row["endpoint"] for row in rows}


def put_resolving(db: sqlite3.Connection, transition: Transition, body: bytes) -> None:
    """A notice for each receiver of the firing, whatever the rule's channels are by now."""
    db.execute(SQL["put_resolving_notices"], _row(transition, body) | {"resolves": transition.fired_event})
    prune(db, transition.at)


def prune(db: sqlite3.Connection, now: datetime) -> None:
    """Forgets old notices that are done with."""
    db.execute(SQL["prune_notices"], {"before_ms": to_ms(now - KEPT)})


def _row(transition: Transition, body: bytes) -> dict[str, str | int | bytes | None]:
    return {"event_id": transition.event_id, "body": body, "now_ms": to_ms(transition.at)}


@dataclass(frozen=True, kw_only=True)
class Leave:
    """Which notices may go out now."""

    shared: bool = False
    """Only those that watches which stand by have, too; and those of the rule `always`."""
    always: str = ""
    rule: str = ""
    """Only those of this rule; empty: of all."""

    def params(self) -> dict[str, str | int]:
        """For the statements."""
        return {"shared": int(self.shared), "always": self.always, "rule": self.rule}


ALL = Leave()


def due_endpoints(db: sqlite3.Connection, now: datetime, leave: Leave = ALL) -> list[str]:
    """The receivers that have something due."""
    return [row["endpoint"] for row in db.execute(SQL["due_endpoints"], {"now_ms": to_ms(now)} | leave.params())]


def next_due(db: sqlite3.Connection, endpoint: str, now: datetime, leave: Leave = ALL) -> sqlite3.Row | None:
    """The notice to send next to a receiver; None: nothing is due."""
    asked = {"endpoint": endpoint, "now_ms": to_ms(now)} | leave.params()
    found: sqlite3.Row | None = db.execute(SQL["next_due"], asked).fetchone()
    return found


def claim(db: sqlite3.Connection, notice_id: int, attempt: int, due: datetime) -> None:
    """Notes that `attempt` begins; should it never be recorded and nobody recover it, the notice is due at `due`."""
    db.execute(SQL["claim"], {"notice_id": notice_id, "attempt": attempt, "due_ms": to_ms(due)})


def settle(db: sqlite3.Connection, notice_id: int, status: str, due: datetime) -> None:
    """Ends an attempt: `delivered`, `failed`, or `waiting` until `due`."""
    db.execute(SQL["settle"], {"notice_id": notice_id, "status": status, "due_ms": to_ms(due)})


def fail_endpoint(db: sqlite3.Connection, channel: Channel, not_before: datetime) -> int:
    """Notes that a receiver failed and is left alone until then; how many failures in a row that makes."""
    row = {"endpoint": channel.endpoint, "target": channel.target, "not_before_ms": to_ms(not_before)}
    db.execute(SQL["fail_endpoint"], row)
    return failures_of(db, channel.endpoint)


def failures_of(db: sqlite3.Connection, endpoint: str) -> int:
    """How often a receiver has failed in a row."""
    found = db.execute(SQL["failures_of"], {"endpoint": endpoint}).fetchone()
    return found["failures"] if found else 0


def restore_endpoint(db: sqlite3.Connection, endpoint: str) -> None:
    """Notes that a receiver works."""
    db.execute(SQL["restore_endpoint"], {"endpoint": endpoint})


def disable(db: sqlite3.Connection, channel: Channel, now: datetime, why: str) -> None:
    """Sends nothing to a receiver any more."""
    row = {"endpoint": channel.endpoint, "target": channel.target, "now_ms": to_ms(now), "why": why}
    db.execute(SQL["disable"], row)


def disabled(db: sqlite3.Connection) -> set[str]:
    """The receivers that nothing is sent to."""
    return {row["endpoint"] for row in db.execute(SQL["known_endpoints"]) if row["disabled_ms"] is not None}


def recover(db: sqlite3.Connection, now: datetime) -> None:
    """At start: makes unrecorded attempts due again."""
    db.execute(SQL["recover"], {"now_ms": to_ms(now)})


def forget_others(db: sqlite3.Connection, channels: Iterable[Channel]) -> None:
    """Forgets what is known of receivers that no rule names any more, or that lead elsewhere now."""
    targets = {channel.endpoint: channel.target for channel in channels}
    for row in db.execute(SQL["known_endpoints"]).fetchall():
        target = targets.get(row["endpoint"])
        if target is None or row["target"] not in {"", target}:
            db.execute(SQL["forget_endpoint"], {"endpoint": row["endpoint"]})


def redeliver(db: sqlite3.Connection, now: datetime, *, endpoint: str = "", event_id: str = "") -> int:
    """Makes notices that were given up due again and enables their receivers; how many notices.

    Args:
        db: In a transaction.
        now: When they are due.
        endpoint: Of one receiver only; empty: of all.
        event_id: Of one event only; empty: of all.
    """
    if not event_id:
        for known in [endpoint] if endpoint else disabled(db):
            db.execute(SQL["forget_endpoint"], {"endpoint": known})
    row = {"now_ms": to_ms(now), "endpoint": endpoint, "event_id": event_id}
    return db.execute(SQL["redeliver"], row).rowcount


def counts(db: sqlite3.Connection) -> dict[str, int]:
    """How many notices are `waiting`, `delivered` and `failed`."""
    return {row["status"]: row["n"] for row in db.execute(SQL["count_notices"])}
