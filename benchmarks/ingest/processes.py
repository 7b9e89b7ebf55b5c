"""What other processes take, as Linux tells it."""

from __future__ import annotations

import time
from pathlib import Path


def cpu_s(pid: int) -> float:
    """User and system time of a process so far, all threads (clock_getcpuclockid of POSIX, as Linux numbers it)."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e9


def forget_peak(pid: int) -> None:
    """Lets the peak of its memory begin anew (proc_pid_clear_refs(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mib(pid: int) -> float:
    """The most resident memory since then, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def load() -> str:
    """How busy the machine is with everything, for the head of a table."""
    return Path("/proc/loadavg").read_text().split()[0]
