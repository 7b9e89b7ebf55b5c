"""From the acknowledgement until a query finds the span, at loads the store can keep up with.

    python -m benchmarks.ingest.freshness [--rates 10 200 1000] [--seconds 20]

Requests come at an even pace over 8 connections, those above 50 spans/s with 10 spans each. A count is asked again
and again, and since spans are stored in the order of their acknowledgement, the n-th is there once the count has
reached n. What is printed is an upper bound by the time between two counts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.ingest.bodies import bodies
from benchmarks.ingest.processes import cpu_s, load
from benchmarks.ingest.sending import send_all
from llmtrace_collector.schema.migrate import migrate
from support.services import Stack, stack_at
from support.waiting import wait_for

COUNT = "SELECT count() FROM spans"
EVERY_S = 0.1


def watch(reader: Any, seen: list[tuple[int, int]], stop: threading.Event) -> None:
    """Notes when the count was found to have grown: (Unix nanoseconds, rows)."""
    while not stop.wait(EVERY_S):
        rows = reader.query(COUNT).result_rows[0][0]
        if not seen or rows > seen[-1][1]:
            seen.append((time.time_ns(), rows))


def lags_ms(acknowledged_ns: list[int], spans_each: int, seen: list[tuple[int, int]], before: int) -> list[float]:
    """Of each request: from its acknowledgement to the first count that has all of its spans."""
    lags, at = [], 0
    for number, when_ns in enumerate(acknowledged_ns):
        needed = before + (number + 1) * spans_each
        while seen[at][1] < needed:
            at += 1
        lags.append(max(0.0, (seen[at][0] - when_ns) / 1e6))
    return lags


def each(rate: float) -> int:
    """Spans in a request."""
    return 10 if rate > 50 else 1


def run(stack: Stack, pids: tuple[int, int], rate: float, work: list[bytes]) -> None:
    """One load, and its row of the table."""
    spans_each = each(rate)
    spans = len(work) * spans_each
    reader = stack.reader()
    before = reader.query(COUNT).result_rows[0][0]
    seen: list[tuple[int, int]] = []
    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(stack.reader(), seen, stop))
    watcher.start()
    cpu, began = [cpu_s(pid) for pid in pids], time.perf_counter()
    sent = send_all("HTTP", stack.http_port, work, 8, a_second=rate / spans_each)
    wait_for(lambda: seen and seen[-1][1] >= before + spans, 300, what=f"{spans} rows")
    took_s = time.perf_counter() - began
    used = [(cpu_s(pid) - was) / took_s for pid, was in zip(pids, cpu, strict=True)]
    stop.set()
    watcher.join()
    lags = sorted(lags_ms(sent.acknowledged_ns, spans_each, seen, before))
    print(
        f"| {rate:g} | {spans} | {statistics.median(sent.waits_ms):.1f} | {statistics.median(lags):,.0f} |"
        f" {lags[int(len(lags) * 0.99)]:,.0f} | {used[0]:.2f} | {used[1]:.2f} |",
        flush=True,
    )


def main() -> None:
    """Runs the loads and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[1, 10, 200, 1000], help="spans a second")
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {load()} before\n")
    print(
        "| spans/s | spans | acknowledged p50 ms | queryable p50 ms | p99 ms |"
        " store CPU-s a second, counts included | collector's |"
        "\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder, stack_at(Path(folder)) as stack:
        store = stack.store()
        migrate(stack.owner())
        collector = stack.collector()
        pids = (store.popen.pid, collector.popen.pid)
        # Once before the clock runs: the first insert is slower than all others.
        send_all("HTTP", stack.http_port, bodies(2, 10, seed=0), 1)
        wait_for(lambda: stack.reader().query(COUNT).result_rows[0][0] >= 20, 120)
        for seed, rate in enumerate(given.rates, start=1):
            work = bodies(max(1, int(rate * given.seconds / each(rate))), each(rate), seed=seed)
            run(stack, pids, rate, work)
        collector.stop()
        store.stop()
    print(f"\nload {load()} after")


if __name__ == "__main__":
    main()
