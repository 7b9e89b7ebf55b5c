"""A dead man's switch: while rules are evaluated a notice goes out at every interval, so that its absence tells."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from datetime import datetime

from llmtrace_collector.watch import outbox
from llmtrace_collector.watch.policy.settings import Heartbeat
from llmtrace_collector.watch.policy.silences import SQL
from llmtrace_collector.watch.times import from_ms, iso, to_ms

ABOUT_THE_WATCH = ":heartbeat"
"""Stands in the outbox for the rule of heartbeats; no rule has such a name."""


def beat(db: sqlite3.Connection, heartbeat: Heartbeat, now: datetime, dashboard_url: str) -> int:
    """Puts a notice into the outbox for every channel whose interval is over; how many.

    One that still waits is not joined by another: a heap of old beats, delivered at once, would say nothing.
    """
    beats = 0
    for channel in heartbeat.channels:
        place = {"endpoint": channel.endpoint}
        last = db.execute(SQL["heartbeat"], place).fetchone()
        if last and from_ms(last["sent_ms"]) <= now < from_ms(last["sent_ms"]) + heartbeat.interval:
            continue
        if db.execute(SQL["waiting_heartbeats"], place | {"rule": ABOUT_THE_WATCH}).fetchone()["n"]:
            continue
        about: dict[str, str | int | bytes] = {
            "event_id": "msg_" + hashlib.sha256(f"{channel.endpoint} {to_ms(now)}".encode()).hexdigest()[:32],
            "rule": ABOUT_THE_WATCH,
            "group_key": channel.endpoint,
            "body": _body(heartbeat, now, dashboard_url),
            "now_ms": to_ms(now),
        }
        outbox.put_about(db, about, [channel])
        db.execute(SQL["put_heartbeat"], place | {"now_ms": to_ms(now)})
        beats += 1
    return beats


def _body(heartbeat: Heartbeat, now: datetime, dashboard_url: str) -> bytes:
    interval_s = int(heartbeat.interval.total_seconds())
    data = {
        "rule": "llmtrace heartbeat",
        "kind": "heartbeat",
        "group": {},
        "severity": "info",
        "summary": f"The watch evaluates its rules. The next of these comes within {interval_s} s; if not, look.",
        "interval_s": interval_s,
        "link": f"{dashboard_url.rstrip('/')}/alerts",
    }
    content = {"type": "heartbeat", "timestamp": iso(now), "data": data}
    return json.dumps(content, separators=(",", ":")).encode()
