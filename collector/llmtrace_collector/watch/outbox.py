"""The outbox in watch.db: notices on their way to receivers.

    waiting --claim--> waiting, in flight --settle--> delivered | waiting (retry later) | failed
       ^                       |
       +------ recover --------+   the process died between the attempt and its record

A claim is durable before the request is made: it moves `due` on, so that neither a crash nor a full disk makes a
receiver be called in a loop. Notices of one alert leave in order: a resolved never overtakes its firing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from llmtrace_collector.watch.journal import SQL
from llmtrace_collector.watch.times import to_ms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from llmtrace_collector.watch.rule import Webhook
    from llmtrace_collector.watch.transition import Transition

KEPT = timedelta(days=30)
"""How long notices that are done with stay for inspection."""


def put(db: sqlite3.Connection, transition: Transition, webhooks: Sequence[Webhook], body: bytes) -> None:
    """A notice for each of `webhooks`, due at once."""
    for webhook in webhooks:
        row = _row(transition, body) | {
            "resolves": None,
            "rule": transition.rule,
            "group_key": transition.key,
            "endpoint": webhook.endpoint,
            "webhook": webhook.shown,
        }
        db.execute(SQL["put_notice"], row)


def put_resolving(db: sqlite3.Connection, transition: Transition, body: bytes) -> None:
    """A notice for each receiver of the firing, whatever the rule's webhooks are by now."""
    db.execute(SQL["put_resolving_notices"], _row(transition, body) | {"resolves": transition.fired_event})
    db.execute(SQL["prune_notices"], {"before_ms": to_ms(transition.at - KEPT)})


def _row(transition: Transition, body: bytes) -> dict[str, str | int | bytes | None]:
    return {"event_id": transition.event_id, "body": body, "now_ms": to_ms(transition.at)}


def due_endpoints(db: sqlite3.Connection, now: datetime) -> list[str]:
    """The receivers that have something due."""
    return [row["endpoint"] for row in db.execute(SQL["due_endpoints"], {"now_ms": to_ms(now)})]


def next_due(db: sqlite3.Connection, endpoint: str, now: datetime) -> sqlite3.Row | None:
    """The notice to send next to a receiver; None: nothing is due."""
    found: sqlite3.Row | None = db.execute(SQL["next_due"], {"endpoint": endpoint, "now_ms": to_ms(now)}).fetchone()
    return found


def claim(db: sqlite3.Connection, notice_id: int, attempt: int, due: datetime) -> None:
    """Notes that `attempt` begins; should it never be recorded and nobody recover it, the notice is due at `due`."""
    db.execute(SQL["claim"], {"notice_id": notice_id, "attempt": attempt, "due_ms": to_ms(due)})


def settle(db: sqlite3.Connection, notice_id: int, status: str, due: datetime) -> None:
    """Ends an attempt: `delivered`, `failed`, or `waiting` until `due`."""
    db.execute(SQL["settle"], {"notice_id": notice_id, "status": status, "due_ms": to_ms(due)})


def throttle(db: sqlite3.Connection, endpoint: str, until: datetime) -> None:
    """Leaves a receiver alone until then, whatever is due."""
    db.execute(SQL["throttle"], {"endpoint": endpoint, "not_before_ms": to_ms(until)})


def disable(db: sqlite3.Connection, endpoint: str, now: datetime) -> None:
    """Sends nothing to a receiver any more: it answered 410."""
    db.execute(SQL["disable"], {"endpoint": endpoint, "now_ms": to_ms(now)})


def recover(db: sqlite3.Connection, now: datetime, known_endpoints: Iterable[str]) -> None:
    """At start: makes unrecorded attempts due again and forgets receivers that no rule names any more."""
    db.execute(SQL["recover"], {"now_ms": to_ms(now)})
    known = set(known_endpoints)
    for row in db.execute(SQL["known_endpoints"]).fetchall():
        if row["endpoint"] not in known:
            db.execute(SQL["forget_endpoint"], {"endpoint": row["endpoint"]})


def counts(db: sqlite3.Connection) -> dict[str, int]:
    """How many notices are `waiting`, `delivered` and `failed`."""
    return {row["status"]: row["n"] for row in db.execute(SQL["count_notices"])}
