"""Alerts in watch.db: who is pending or firing, and the one transaction that moves an alert."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from llmtrace_collector.watch import mirror, notices
from llmtrace_collector.watch.journal import SQL
from llmtrace_collector.watch.states import Standing, State
from llmtrace_collector.watch.times import from_ms, to_ms

if TYPE_CHECKING:
    import sqlite3

    from llmtrace_collector.watch.policy import Teller
    from llmtrace_collector.watch.transition import Transition


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A pending or firing alert, as it stands in the journal."""

    rule: str
    kind: str
    key: str
    standing: Standing
    fired_event: str | None
    value: Decimal
    """At the last transition, like the two below."""
    limit: Decimal
    window: timedelta


def live(db: sqlite3.Connection, rule: str | None = None) -> list[Alert]:
    """The pending and firing alerts, of one rule or of all."""
    found = db.execute(SQL["live"]) if rule is None else db.execute(SQL["live_of"], {"rule": rule})
    return [_alert(row) for row in found]


def _alert(row: sqlite3.Row) -> Alert:
    return Alert(
        rule=row["rule"],
        kind=row["kind"],
        key=row["group_key"],
        standing=Standing(state=State(row["state"]), since=from_ms(row["since_ms"])),
        fired_event=row["fired_event"],
        value=Decimal(row["value"]),
        limit=Decimal(row["limit_value"]),
        window=timedelta(seconds=row["window_s"]),
    )


def counts(db: sqlite3.Connection) -> dict[str, int]:
    """How many alerts are `pending` and `firing`."""
    return {row["state"]: row["n"] for row in db.execute(SQL["count_live"])}


def record(db: sqlite3.Connection, transition: Transition, teller: Teller, dashboard_url: str) -> None:
    """Writes a transition down with all that follows from it; the caller's transaction makes it one step."""
    identity = {"rule": transition.rule, "group_key": transition.key}
    if transition.state in {State.PENDING, State.FIRING}:
        db.execute(SQL["put_alert"], identity | _columns(transition))
    else:
        db.execute(SQL["drop_alert"], identity)
    if transition.decision.notify:
        teller.note(db, transition)
    explanation = transition.explanation
    explained_link = notices.explained_link(explanation, dashboard_url) if explanation else ""
    mirror.put_event(db, transition, notices.link(transition, dashboard_url), explained_link)


def _columns(transition: Transition) -> dict[str, str | int | None]:
    return {
        "kind": transition.kind,
        "state": str(transition.state),
        "since_ms": to_ms(transition.since),
        "fired_event": transition.fired_event,
        "value": str(transition.value),
        "limit_value": str(transition.limit),
        "window_s": transition.window // timedelta(seconds=1),
    }
