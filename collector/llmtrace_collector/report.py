"""How the log and the store are, put together by the process that has both."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from llmtrace_collector import telemetry
from llmtrace_collector.process import tell_uptime
from llmtrace_collector.wal import Wal
from llmtrace_collector.watch import Watch
from llmtrace_collector.writer import Writer

_PATIENCE_S = 60.0
_LEAST_ROOM = 0.1
"""Of the quota."""


def report(wal: Wal, writer: Writer, watch: Watch) -> dict[str, Any]:
    """Sets the gauges of log, store and watch, and gives what `/readyz` shows of them."""
    tell_uptime()
    oldest = wal.oldest()
    oldest_s = max(0.0, time.time() - oldest.number / 1e9) if oldest else 0.0
    reachable = writer.migrated.is_set() and not writer.fault
    gauges = {
        "otelcol_exporter_queue_size": wal.backlog_bytes,
        "otelcol_exporter_queue_capacity": wal.limits.quota_bytes,
        "llmtrace_log_segments": wal.waiting(),
        "llmtrace_log_oldest_seconds": oldest_s,
        "llmtrace_log_room_bytes": wal.room_bytes,
        "llmtrace_store_reachable": int(reachable),
    }
    for name, value in gauges.items():
        telemetry.put(name, value)
    why = writer.fault or ("" if reachable else "ClickHouse was not reached yet")
    return {
        "store": {"reachable": reachable, "why": why},
        "backlog": {"bytes": wal.backlog_bytes, "segments": wal.waiting(), "oldest_s": round(oldest_s, 1)},
        "room": {"bytes": wal.room_bytes, "quota_bytes": wal.limits.quota_bytes},
        "items": telemetry.grouped("llmtrace_ledger_items"),
        "dead_letters": int(telemetry.values().get(("llmtrace_log_dead_letters", ()), 0)),
        "watch": _watch(watch),
    }


def ailing(wal: Wal) -> dict[str, str]:
    """What a person should look at, a sentence by what it concerns; '' where all is well."""
    oldest = wal.oldest()
    age_s = max(0.0, time.time() - oldest.number / 1e9) if oldest else 0.0
    dead = int(telemetry.values().get(("llmtrace_log_dead_letters", ()), 0))
    missing = sum(count for (_, term), count in _ledger().items() if term == "missing")
    short = wal.room_bytes < _LEAST_ROOM * wal.limits.quota_bytes
    return {
        "backlog": f"Spans wait to be stored, the oldest for {age_s:,.0f} s." if age_s > _PATIENCE_S else "",
        "room": f"The log has room for {wal.room_bytes:,} bytes more; then senders are refused." if short else "",
        "dead_letters": f"{dead} dead letters wait in wal/dead: see llmtrace wal." if dead else "",
        "missing": f"{missing:,.0f} acknowledged items cannot be found: see llmtrace wal check." if missing else "",
    }


def _ledger() -> dict[tuple[str, ...], float]:
    return {labels: value for (name, labels), value in telemetry.values().items() if name == "llmtrace_ledger_items"}


def _watch(watch: Watch) -> dict[str, Any]:
    try:
        found = watch.health()
    except sqlite3.Error:  # it has ended, or its file cannot be read: then it says so in the log
        return {"error": "the watch is not running"}
    standby, counted = found["standby"], found.pop("counters")
    telemetry.put("llmtrace_watch_leads", int(standby is None or standby["leads"]))
    for state in ("pending", "firing"):
        telemetry.put("llmtrace_alerts", found[state], state=state)
    for status, name in (("waiting", "outbox"), ("failed", "outbox_failed")):
        telemetry.put("llmtrace_notices", found[name], status=status)
    for name in ("evaluations", "query_failures", "transitions"):
        telemetry.put(f"llmtrace_watch_{name}", counted[name])
    for outcome in ("delivered", "retried", "failed"):
        telemetry.put("llmtrace_watch_deliveries", counted[outcome], outcome=outcome)
    return found
