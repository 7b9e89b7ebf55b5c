"""The copy for people: every event and every attempt goes to ClickHouse, by way of watch.db.

A row waits in `outgoing` until ClickHouse has it, so a store that is down loses nothing. Rows are inserted in batches
whose members are fixed durably before the first try; the batch carries the token of its first row as
`insert_deduplication_token`, so a repeated insert is the same insert and a no-op.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmtrace_collector.watch.groups import group_of
from llmtrace_collector.watch.journal import SQL, Journal
from llmtrace_collector.watch.times import from_ms, to_ms
from llmtrace_collector.watch.verdict import exact

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from llmtrace_collector.watch.engine import Engine
    from llmtrace_collector.watch.transition import Transition

_BATCH_ROWS = 1_000


def _money(text: str) -> Decimal:
    """As the columns keep it: 12 decimals."""
    return round(Decimal(text), 12)


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "timestamp": from_ms,
    "since": from_ms,
    "value": _money,
    "limit_value": _money,
    "examples": lambda pairs: [tuple(pair) for pair in pairs],
}
"""From what JSON holds to what clickhouse-connect takes, by column."""

_ABSENT: dict[str, Any] = {"examples": [], "expected_low": None, "expected_high": None}
"""Of columns that only some rows have, those whose value is then no empty text."""


def put_event(db: sqlite3.Connection, transition: Transition, link: str, explained_link: str = "") -> None:
    """Queues the `alert_events` row of a transition."""
    group = group_of(transition.key)
    low, high = transition.expected or (None, None)
    row = {
        "timestamp": to_ms(transition.at),
        "event_id": transition.event_id,
        "project": group.get("project", ""),
        "rule": transition.rule,
        "kind": transition.kind,
        "group_key": transition.key,
        "group_values": group,
        "state": str(transition.state),
        "reason": str(transition.decision.reason),
        "value": exact(transition.value),
        "limit_value": exact(transition.limit),
        "window_s": transition.window // timedelta(seconds=1),
        "since": to_ms(transition.since),
        "link": link,
        "severity": str(transition.severity),
        "measure": transition.measure,
        "unit": transition.unit,
        "summary": transition.summary,
        "expected_low": low,
        "expected_high": high,
        "runbook": transition.runbook,
        **_explanation(transition, explained_link),
    }
    _put(db, "alert_events", transition.event_id, row)


def _explanation(transition: Transition, link: str) -> dict[str, Any]:
    if transition.explanation is None:
        return {}
    told = transition.explanation.plain()
    return {
        "explanation": told["explanation"],
        "attributes": json.dumps(told["attributes"], ensure_ascii=False),
        "examples": [[example["trace_id"], example["span_id"]] for example in told["examples"]],
        "explained_link": link,
    }


def put_attempt(
    db: sqlite3.Connection, notice: sqlite3.Row, *, at: datetime, attempt: int, outcome: str, status: int, error: str
) -> None:
    """Queues the `alert_deliveries` row of an attempt; attempt 0: given up without one."""
    row = {
        "timestamp": to_ms(at),
        "event_id": notice["event_id"],
        "webhook": notice["webhook"],
        "attempt": attempt,
        "outcome": outcome,
        "http_status": status,
        "error": error,
    }
    _put(db, "alert_deliveries", f"{notice['event_id']}:{notice['endpoint']}:{attempt}", row)


def put_held(db: sqlite3.Connection, event_id: str, why: str, *, at: datetime) -> None:
    """Queues an `alert_deliveries` row that says why an alert is not told."""
    row = {
        "timestamp": to_ms(at),
        "event_id": event_id,
        "webhook": "",
        "attempt": 0,
        "outcome": "held",
        "http_status": 0,
        "error": why,
    }
    _put(db, "alert_deliveries", f"{event_id}:{why}:{to_ms(at)}", row)


def _put(db: sqlite3.Connection, target: str, token: str, row: dict[str, Any]) -> None:
    db.execute(SQL["put_outgoing"], {"target": target, "token": token, "row": json.dumps(row)})


def copy(journal: Journal, engine: Engine) -> int:
    """Copies everything that waits and returns how many rows that were.

    Raises:
        StoreError: ClickHouse did not take a batch; it waits on.
    """
    copied = 0
    while batch := _next_batch(journal):
        target, token, rows = batch
        columns = list(dict.fromkeys(column for row in rows for column in row))
        values = [[_converted(column, row.get(column, _ABSENT.get(column, ""))) for column in columns] for row in rows]
        engine.insert(target, values, columns, token=token)
        with journal.transaction() as db:
            db.execute(SQL["drop_batch"], {"target": target, "batch": token})
        copied += len(rows)
    return copied


def _converted(column: str, value: Any) -> Any:
    convert = _CONVERSIONS.get(column)
    return convert(value) if convert else value


def _next_batch(journal: Journal) -> tuple[str, str, list[dict[str, Any]]] | None:
    """The batch at the head of the queue, formed for good if it was not yet."""
    with journal.transaction() as db:
        head = db.execute(SQL["oldest_outgoing"]).fetchone()
        if head is None:
            return None
        target, batch = head["target"], head["token"]
        if head["batch"] is None:
            db.execute(SQL["form_batch"], {"batch": batch, "target": target, "bound": _BATCH_ROWS})
        rows = [json.loads(row["row"]) for row in db.execute(SQL["batch"], {"batch": batch, "target": target})]
        return target, batch, rows


def waiting(db: sqlite3.Connection) -> int:
    """How many rows wait for ClickHouse."""
    count: int = db.execute(SQL["count_outgoing"]).fetchone()["n"]
    return count
