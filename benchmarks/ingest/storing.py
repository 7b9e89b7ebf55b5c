"""What storing costs through the log, beside the engine that is given the same segments by itself.

    python -m benchmarks.ingest.storing [--spans 40000] [--rounds 3] [--collector OPTION ...]

By itself: the segments the log would make of the load are inserted straight into the store, one after the other, with
the writer's settings into the same tables and views: what the engine can do. Through the log: the collector takes the
load with the store away, then both run; the clock runs from the end of the first segment until the last is there.
Both ways have a store of their own, and take turns. CPU is that of all processes that store: store, and collector.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest.bodies import bodies
from benchmarks.ingest.processes import cpu_s, forget_peak, load, peak_mib
from benchmarks.ingest.sending import send_all
from llmtrace_collector.schema.migrate import migrate
from llmtrace_collector.wal import WalLimits
from llmtrace_collector.wal.record import encode
from llmtrace_collector.writer import INSERT_SETTINGS
from support.services import Process, Stack, stack_at
from support.waiting import wait_for

COUNT = "SELECT count() FROM spans"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of one round, or medians."""

    spans_a_second: float
    store_cpu_s: float
    """Per million spans."""
    collector_cpu_s: float
    peak_mib: float
    """Of the store."""


def segments(work: Sequence[bytes]) -> Iterator[bytes]:
    """As the log cuts them when it is not in a hurry."""
    held: list[bytes] = []
    for body in work:
        held.append(encode(project="default", received_ns=time.time_ns(), request=body, items=100))
        if sum(map(len, held)) >= WalLimits().segment_bytes:
            yield b"".join(held)
            held.clear()
    if held:
        yield b"".join(held)


def by_itself(stack: Stack, store: Process, work: Sequence[bytes], spans: int) -> Figures:
    """The engine, given the segments."""
    owner, pid = stack.owner(), store.popen.pid
    prepared = list(segments(work))
    forget_peak(pid)
    cpu, began = cpu_s(pid), time.perf_counter()
    for segment in prepared:
        token = {"insert_deduplication_token": os.urandom(8).hex()}
        owner.raw_insert(
            "otlp_traces_flat", insert_block=segment, fmt="Protobuf", settings={**INSERT_SETTINGS, **token}
        )
    seconds = time.perf_counter() - began
    return Figures(
        spans_a_second=spans / seconds,
        store_cpu_s=(cpu_s(pid) - cpu) / spans * 1e6,
        collector_cpu_s=0.0,
        peak_mib=peak_mib(pid),
    )


def through_the_log(stack: Stack, work: Sequence[bytes], *options: str) -> Figures:
    """The whole way; starts and stops its processes, on a folder that keeps what was there."""
    collector = stack.collector(*options)
    send_all("HTTP", stack.http_port, work, 8)
    # The log's files are looked at, because asking the store takes the CPU that is measured.
    waiting = lambda: sorted((stack.data / "wal" / "traces").glob("0*"))  # noqa: E731
    first = waiting()[0]
    store = stack.store()
    pids = (store.popen.pid, collector.popen.pid)
    wait_for(lambda: not first.exists(), 300, what="the first segment in the store")
    spans = len(work) * 100 - int(first.name.split(".")[1])
    forget_peak(pids[0])
    cpu, began = [cpu_s(pid) for pid in pids], time.perf_counter()
    wait_for(lambda: not waiting(), 900, what=f"{spans} spans")
    seconds = time.perf_counter() - began
    used = [(cpu_s(pid) - was) / spans * 1e6 for pid, was in zip(pids, cpu, strict=True)]
    peak = peak_mib(pids[0])
    assert int(stack.reader().query(COUNT).result_rows[0][0]) % (len(work) * 100) == 0
    collector.stop()
    store.stop()
    return Figures(spans_a_second=spans / seconds, store_cpu_s=used[0], collector_cpu_s=used[1], peak_mib=peak)


def medians(found: Sequence[Figures]) -> Figures:
    """Of each figure by itself."""
    return Figures(**{name: statistics.median(getattr(each, name) for each in found) for name in vars(found[0])})


def main() -> None:
    """Takes turns and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=40_000, help="in a round, of about 3.1 KB, 100 a request")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--collector", nargs="*", default=[], metavar="OPTION", help="given to the collector")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {load()} before\n")
    alone: list[Figures] = []
    whole: list[Figures] = []
    with ExitStack() as held, tempfile.TemporaryDirectory() as folder:
        for name in ("alone", "whole"):
            (Path(folder) / name).mkdir()
        engine = held.enter_context(stack_at(Path(folder) / "alone"))
        store = engine.store()
        migrate(engine.owner())
        stack = held.enter_context(stack_at(Path(folder) / "whole"))
        first = stack.store()
        migrate(stack.owner())
        first.stop()
        for turn in range(given.rounds):
            work = bodies(given.spans // 100, 100, seed=turn)
            alone.append(by_itself(engine, store, work, given.spans))
            whole.append(through_the_log(stack, work, *given.collector))
            print(
                f"round {turn + 1}: alone {alone[-1].spans_a_second:,.0f}, whole {whole[-1].spans_a_second:,.0f}",
                flush=True,
            )
        store.stop()
    print("\n| way | spans/s | store CPU-s per million | collector's | store's peak MiB |\n|---|---|---|---|---|")
    for name, figures in (("the engine by itself", medians(alone)), ("through the log", medians(whole))):
        print(
            f"| {name} | {figures.spans_a_second:,.0f} | {figures.store_cpu_s:.0f} | {figures.collector_cpu_s:.1f} |"
            f" {figures.peak_mib:.0f} |"
        )
    one, other = medians(whole), medians(alone)
    print(
        f"\nthrough the log / by itself: {one.spans_a_second / other.spans_a_second:.2f} by the clock,"
        f" {other.store_cpu_s / one.store_cpu_s:.2f} by the store's CPU; load {load()} after"
    )


if __name__ == "__main__":
    main()
