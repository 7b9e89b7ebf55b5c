"""How the log and the store are, put together by the process that has both."""

from __future__ import annotations

import time
from typing import Any

from llmtrace_collector import telemetry
from llmtrace_collector.process import tell_uptime
from llmtrace_collector.wal import Wal
from llmtrace_collector.writer import Writer


def report(wal: Wal, writer: Writer) -> dict[str, Any]:
    """Sets the gauges of log and store, and gives what `/readyz` shows of them."""
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
    }
