"""Alerts in watch.db: who is pending or firing, and the one transaction that moves an alert."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from llmtrace_collector.watch import mirror, notices
from llmtrace_collector.watch.journal import SQL
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.states import Standing, State
from llmtrace_collector.watch.times import from_ms, to_ms
from llmtrace_collector.watch.verdict import exact

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from llmtrace_collector.watch.changes import Change
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
    """At the last change, like what follows."""
    limit: Decimal
    window: timedelta
    measure: str = ""
    unit: str = ""


def live(db: sqlite3.Connection, rule: str | None = None) -> list[Alert]:
    """The pending and firing alerts, of one rule or of all."""
    found = db.execute(SQL["live"]) if rule is None else db.execute(SQL["live_of"], {"rule": rule})
    return [_alert(row) for row in found]


def _alert(row: sqlite3.Row) -> Alert:
    standing = Standing(
        state=State(row["state"]),
        severity=Severity(row["severity"]),
        since=from_ms(row["since_ms"]),
        worse_since=_moment(row["worse_ms"]),
        better_since=_moment(row["better_ms"]),
        missing=row["missing"],
        missing_since=_moment(row["missing_ms"]),
    )
    return Alert(
        rule=row["rule"],
        kind=row["kind"],
        key=row["group_key"],
        standing=standing,
        fired_event=row["fired_event"],
        value=Decimal(row["value"]),
        limit=Decimal(row["limit_value"]),
        window=timedelta(seconds=row["window_s"]),
        measure=row["measure"],
        unit=row["unit"],
    )


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_ms(milliseconds)


def keep(db: sqlite3.Connection, change: Change) -> None:
    """Writes down what an alert waits for; nothing has happened that anybody is told of."""
    standing = change.decision.standing
    waits = {
        "severity": int(standing.severity),
        "worse_ms": _ms(standing.worse_since),
        "better_ms": _ms(standing.better_since),
        "missing": standing.missing,
        "missing_ms": _ms(standing.missing_since),
    }
    db.execute(SQL["keep_alert"], {"rule": change.rule, "group_key": change.key} | waits)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


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
        teller.note(db, transition, transition.severity)
    explanation = transition.explanation
    explained_link = notices.explained_link(explanation, dashboard_url) if explanation else ""
    mirror.put_event(db, transition, notices.link(transition, dashboard_url), explained_link)


def _columns(transition: Transition) -> dict[str, str | int | None]:
    standing = transition.decision.standing
    return {
        "kind": transition.kind,
        "state": str(transition.state),
        "severity": int(standing.severity),
        "since_ms": to_ms(transition.since),
        "worse_ms": _ms(standing.worse_since),
        "better_ms": _ms(standing.better_since),
        "missing": standing.missing,
        "missing_ms": _ms(standing.missing_since),
        "fired_event": transition.fired_event,
        "value": exact(transition.value),
        "limit_value": exact(transition.limit),
        "window_s": transition.window // timedelta(seconds=1),
        "measure": transition.measure,
        "unit": transition.unit,
    }
