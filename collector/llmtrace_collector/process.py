"""What this process takes of the machine."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

from llmtrace_collector import telemetry

_STARTED = time.monotonic()
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def tell() -> None:
    """Sets the gauges of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    telemetry.put("otelcol_process_cpu_seconds", used.ru_utime + used.ru_stime)
    telemetry.put("otelcol_process_memory_rss", _resident_bytes(used.ru_maxrss))


def tell_uptime() -> None:
    """The same for the collector as a whole, by its first process."""
    telemetry.put("otelcol_process_uptime_seconds", time.monotonic() - _STARTED)


def _resident_bytes(most: int) -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        # Not Linux: the most it ever had, in KiB; on macOS in bytes.
        return most if sys.platform == "darwin" else most * 1024
