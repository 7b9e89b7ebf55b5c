"""Requests accepted and durable, beside a server that only reads the body, rotel and Phoenix, in one run.

    python -m benchmarks.ingest [--requests 150] [--small 2000] [--rounds 3] [--connections 1 8 32]

The collector runs without a store, so no insert takes the same cores; when all is sent the store is started, and what
can be queried in the end must be what was accepted. Wall figures depend on the machine and on what else runs on it;
CPU-seconds per million spans (user and system, of the server) hold better. The sender takes part of the same cores.
Medians of the rounds, in which the contenders take turns.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest.bodies import bodies
from benchmarks.ingest.contenders import (
    Contender,
    collector,
    only_reads,
    phoenix,
    phoenix_program,
    rotel,
    rotel_program,
)
from benchmarks.ingest.processes import cpu_s, forget_peak, load, peak_mib
from benchmarks.ingest.sending import TRANSPORTS, send_all
from llmtrace_collector.schema.migrate import migrate
from support.services import stack_at
from support.waiting import wait_for


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of one load, or medians of several."""

    spans_a_second: float
    cpu_s: float
    """Of the server, per million spans."""
    p50_ms: float
    p99_ms: float
    peak_mib: float


@dataclass(frozen=True, kw_only=True)
class Load:
    """One row of loads."""

    transport: str
    connections: int
    spans_each: int
    requests: int


def measure(contender: Contender, one: Load, work: Sequence[bytes]) -> Figures:
    """Sends it all once."""
    forget_peak(contender.pid)
    before = cpu_s(contender.pid)
    sent = send_all(one.transport, contender.ports[one.transport], work, one.connections)
    spans = len(work) * one.spans_each
    waits = sorted(sent.waits_ms)
    return Figures(
        spans_a_second=spans / sent.seconds,
        cpu_s=(cpu_s(contender.pid) - before) / spans * 1e6,
        p50_ms=statistics.median(waits),
        p99_ms=waits[int(len(waits) * 0.99)],
        peak_mib=peak_mib(contender.pid),
    )


def medians(found: Sequence[Figures]) -> Figures:
    """Of each figure by itself."""
    return Figures(**{name: statistics.median(getattr(each, name) for each in found) for name in vars(found[0])})


def show(one: Load, name: str, figures: Figures, bound: Figures | None) -> None:
    """One row of the table."""
    times = cpu = ""
    if bound:
        times, cpu = f"{figures.spans_a_second / bound.spans_a_second:.2f}", f"{bound.cpu_s / figures.cpu_s:.2f}"
    print(
        f"| {one.transport}, {one.spans_each} | {one.connections} | {name} | {figures.spans_a_second:,.0f} | {times} |"
        f" {figures.cpu_s:.1f} | {cpu} | {figures.p50_ms:.1f} | {figures.p99_ms:.1f} | {figures.peak_mib:.0f} |",
        flush=True,
    )


def run(one: Load, contenders: Sequence[Contender], rounds: int, seeds: itertools.count[int]) -> int:
    """All contenders in turn; how many spans the collector accepted."""
    able = [each for each in contenders if one.transport in each.ports]
    found: dict[str, list[Figures]] = {each.name: [] for each in able}
    for _ in range(rounds):
        work = bodies(one.requests, one.spans_each, seed=next(seeds))
        for each in able:
            found[each.name].append(measure(each, one, work))
    bound = medians(found["only reads"]) if "only reads" in found else None
    for name, figures in found.items():
        show(one, name, medians(figures), bound)
    return rounds * one.requests * one.spans_each


def main() -> None:
    """Runs the loads and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=150, help="of 100 spans, in a load")
    parser.add_argument("--small", type=int, default=2_000, help="requests of 1 span, in a load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--collector", nargs="*", default=[], metavar="OPTION", help="given to the collector")
    given = parser.parse_args()
    sizes = ((100, given.requests), (1, given.small))
    loads = [
        Load(transport=transport, connections=connections, spans_each=spans_each, requests=requests)
        for transport in TRANSPORTS
        for spans_each, requests in sizes
        for connections in given.connections
    ]
    print(f"{os.cpu_count()} cores, load {load()} before; {len(bodies(1, 100)[0]) / 100:,.0f} bytes a span\n")
    print(
        "| load, spans a request | connections | server | spans/s | of the bound | CPU-s per million |"
        " bound's CPU / its own | p50 ms | p99 ms | peak MiB |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    seeds = itertools.count(1)
    with ExitStack() as held, tempfile.TemporaryDirectory() as folder:
        stack = held.enter_context(stack_at(Path(folder)))
        contenders = [held.enter_context(only_reads()), held.enter_context(collector(stack, *given.collector))]
        if rotel_program():
            contenders.append(held.enter_context(rotel(Path(folder))))
        if phoenix_program():
            contenders.append(held.enter_context(phoenix(Path(folder))))
        accepted = sum(run(one, contenders, given.rounds, seeds) for one in loads)
        store = stack.store()
        migrate(stack.owner())
        count = "SELECT count() FROM spans"
        wait_for(lambda: stack.reader().query(count).result_rows[0][0] >= accepted, 900, what=f"{accepted} spans")
        stored = stack.reader().query(count).result_rows[0][0]
        print(f"\naccepted {accepted:,} spans, queryable in the end {stored:,}; load {load()} after")
        store.stop()
        assert stored == accepted


if __name__ == "__main__":
    main()
