"""When a channel has failed for good: its notice goes to others, and they are told that the channel fails."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from llmtrace_collector.watch.journal import SQL
from llmtrace_collector.watch.times import iso, to_ms

if TYPE_CHECKING:
    import sqlite3

    from llmtrace_collector.channels import Channel

ABOUT_CHANNELS = ":channel"
"""Stands in the outbox for the rule of notices about a channel; no rule has such a name."""


def readdress(db: sqlite3.Connection, notice: sqlite3.Row, channels: Iterable[Channel], now: datetime) -> None:
    """Sends a firing that could not be delivered to `channels`, with its resolved, if that was decided meanwhile.

    Those that have it already get nothing. A resolved goes nowhere else: only who heard of the firing hears of it.
    """
    if notice["resolves"] is not None:
        return
    for channel in channels:
        place = {"endpoint": channel.endpoint, "webhook": str(channel), "now_ms": to_ms(now)}
        db.execute(SQL["readdress"], place | {"notice_id": notice["notice_id"]})
        db.execute(SQL["readdress_resolving"], place | {"event_id": notice["event_id"]})


def tell_of_failure(
    db: sqlite3.Connection,
    failed: Channel,
    channels: Iterable[Channel],
    *,
    event_id: str,
    now: datetime,
    why: str,
    dashboard_url: str,
) -> None:
    """Puts a notice into the outbox that says that a channel is disabled, and why."""
    body = failure_body(str(failed), why, now, dashboard_url)
    for channel in channels:
        row = {
            "event_id": event_id,
            "resolves": None,
            "rule": ABOUT_CHANNELS,
            "group_key": failed.endpoint,
            "endpoint": channel.endpoint,
            "webhook": str(channel),
            "body": body,
            "now_ms": to_ms(now),
        }
        db.execute(SQL["put_notice"], row)


def failure_body(failed: str, why: str, now: datetime, dashboard_url: str) -> bytes:
    """The JSON of a notice about a channel."""
    summary = f"The channel {failed} is disabled: {why}. Alerts for it come here until it is mended."
    content = {
        "type": "channel.failed",
        "timestamp": iso(now),
        "data": {
            "rule": "llmtrace channel failed",
            "channel": failed,
            "error": why,
            "summary": summary,
            "severity": "warning",
            "link": f"{dashboard_url.rstrip('/')}/alerts",
        },
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
