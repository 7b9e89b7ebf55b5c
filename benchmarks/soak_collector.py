"""A day of the collector in a few minutes: does its memory grow?

    python -m benchmarks.soak_collector [--segments 86400] [--minutes 5] [--log-folder /dev/shm]

What adds up over a day is the number of segments (one a second), requests and connections, not the bytes. So: as many
segments as a day has through the log alone (append, seal, take, delete; a folder in memory is best, or the disk's
syncs are what is measured); then the real processes under steady load, each request on a new connection, the store
killed once a minute. Resident memory at ten points, and the slope over the second half.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from llmtrace_collector.wal import Wal, WalLimits
from llmtrace_collector.wal.record import encode
from support.load import Load, counted
from support.services import Process, stack_at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, default=86_400)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--log-folder", type=Path, default=Path("/dev/shm"))
    given = parser.parse_args()
    _log(given.segments, given.log_folder)
    if given.minutes:
        _processes(given.minutes * 60)


def _log(segments: int, parent: Path) -> None:
    points: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        wal = Wal(Path(folder), WalLimits(segment_bytes=1))
        started, used = time.monotonic(), time.process_time()
        for n in range(1, segments + 1):
            wal.append(encode(project="default", received_ns=n, request=b"x" * 200, items=1)).result(10)
            segment = wal.take(10)
            assert segment is not None
            assert segment.read()
            wal.done(segment)
            if n % max(1, segments // 10) == 0:
                points.append((n, _resident()))
        seconds, cpu_s = time.monotonic() - started, time.process_time() - used
        wal.close()
    print(f"log: {segments:,} segments in {seconds:.0f} s, {cpu_s / segments * 1e6:.0f} us CPU each")
    _show("segments", points, "a segment")


def _processes(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder, stack_at(Path(folder)) as stack:
        store, collector = stack.store(), stack.collector()
        stack.wait_migrated()
        load = Load(stack.http_port, pause_s=0.02)
        points: list[tuple[float, int]] = []
        started = time.monotonic()
        for n in range(1, 11):
            threading.Event().wait(max(0.0, started + n * seconds / 10 - time.monotonic()))
            points.append((time.monotonic() - started, _resident(collector)))
            if n % 2 == 0:
                store.kill_group()
                store = stack.store()
        load.stop()
        count = counted(stack, load, within_s=300)
        assert collector.stop() == 0
    print(f"\nprocesses: {count.acknowledged:,} spans acknowledged, {count}")
    _show("seconds", points, "a second")


def _show(unit: str, points: list[tuple[float, int]], each: str) -> None:
    print(f"{unit:>10} {'resident, MB':>13}")
    for at, held in points:
        print(f"{at:>10,.0f} {held / 1e6:>13.2f}")
    half = points[len(points) // 2 :]
    slope = statistics.linear_regression([at for at, _ in half], [held for _, held in half]).slope
    print(f"growth over the second half: {slope:,.2f} bytes {each}")


def _resident(process: Process | None = None) -> int:
    pid = process.popen.pid if process else "self"
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


if __name__ == "__main__":
    main()
