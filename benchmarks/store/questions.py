"""What the dashboards' questions cost on a generated store: CPU milliseconds of the store process, medians.

    python benchmarks/store/questions.py --data FOLDER [--runs 5] [--only overview]

The questions are the app's own, from `llmtrace_dashboards.queries`, as it asks them. Each is asked once to warm the
caches, then `--runs` times. CPU time is that of the whole process, so let merges end first: it waits for them, bounded.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generate import store_at

from llmtrace_dashboards.queries import calls, sources, surroundings, traces
from llmtrace_dashboards.queries.query import Query
from llmtrace_dashboards.state.ranges import DAY_MS, Window
from llmtrace_dashboards.state.view import View

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


Work = Generator[Query, list[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question and what it took."""

    name: str
    queries: str
    """The files that answered."""
    cpu_ms: float
    wall_ms: float
    rows: int


def cpu_ns(pid: int) -> int:
    """CPU time of another process, all threads (clock_getcpuclockid of POSIX, as Linux numbers it)."""
    return time.clock_gettime_ns((~pid << 3) | 2)


class Interview:
    """Asks one store."""

    def __init__(self, client: Client, pid: int, runs: int) -> None:
        self._client = client
        self._pid = pid
        self._runs = runs

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """Its answer."""
        sql, params = query.made()
        return list(self._client.query(sql, parameters=params).named_results())

    def ask(self, name: str, work: Callable[[], Iterable[Query]]) -> Asked:
        """Median cost of a piece of work, whose queries are sent back to what yields them with their answers."""
        cpu, wall, rows, files = [], [], 0, []
        for run in range(self._runs + 1):
            began, before = time.perf_counter_ns(), cpu_ns(self._pid)
            answers = list(self._answers(work()))
            if run:
                cpu.append((cpu_ns(self._pid) - before) / 1e6)
                wall.append((time.perf_counter_ns() - began) / 1e6)
            rows, files = sum(len(found) for _, found in answers), [named for named, _ in answers]
        return Asked(
            name=name,
            queries=", ".join(files),
            cpu_ms=statistics.median(cpu),
            wall_ms=statistics.median(wall),
            rows=rows,
        )

    def _answers(self, queries: Iterable[Query]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        going = (query for query in queries) if not isinstance(queries, Generator) else queries
        query = next(going, None)
        while query is not None:
            found = self.rows(query)
            yield query.name, found
            try:
                query = going.send(found)
            except StopIteration:
                return


def questions(interview: Interview, now_ms: int, trace_id: str) -> Iterator[tuple[str, Callable[[], Iterable[Query]]]]:
    """Each by name, with what the app asks for it."""
    for project in ("", "default"):
        view = View(project=project)
        whose = "one project" if project else "all projects"
        for days in (1, 30):
            window = Window(start_ms=now_ms - days * DAY_MS, end_ms=now_ms)
            told = f"{days} d, {whose}"
            found = int(interview.rows(sources.size(view, window))[0]["spans"])
            parts: dict[str, Query] = {
                "size": sources.size(view, window),
                "totals": calls.totals(view, window, found),
                "latency": calls.latency_totals(view, window, found),
                "series": calls.series(view, window, found),
                "latency series": calls.latency_series(view, window, found),
                "by model": calls.by_model(view, window, found),
            }
            for name, query in parts.items():
                yield f"overview {told}: {name}", lambda query=query: [query]
            yield f"overview {told}: all of it", lambda parts=parts: parts.values()
            yield f"filters {told}", lambda view=view, window=window: [surroundings.choices(view, window)]
            yield f"matching {told}", lambda v=view, w=window, n=found: [traces.matching(v, w, n)]
            yield f"newest traces {told}", lambda v=view, w=window, n=found: newest(v, w, n)
    day = Window(start_ms=now_ms - DAY_MS, end_ms=now_ms)
    yield "one trace by its id", lambda: one_trace(trace_id, now_ms)
    yield "newest traces of a user 1 d", lambda: newest(View(user=("user-000003",)), day)
    yield "dearest traces 1 d, one project", lambda: [traces.page(View(project="lab", sort="dearest"), day)]
    yield "new since a minute", lambda: [surroundings.watermark(View(), day, now_ms - 60_000)]
    yield "newest span", lambda: [surroundings.last_span(now_ms)]


def newest(view: View, window: Window, spans: int | None = None) -> Work:
    """As the list does: over more and more of the range, until a page is full."""
    for query in traces.pages(view, window, spans):
        found = yield query
        if len(found) > traces.PAGE:
            return


def one_trace(trace_id: str, now_ms: int) -> Work:
    """A link with an id and no time: when it was, then its spans."""
    found = yield traces.when(trace_id, now_ms)
    window = Window(start_ms=int(found[0]["first_ms"]), end_ms=int(found[0]["last_ms"]) + 1)
    yield traces.spans(trace_id, window)


def settle(client: Client, bound_s: float) -> None:
    """Waits until no merge runs, so that their CPU is not taken for the queries'."""
    until = time.monotonic() + bound_s
    while client.command("SELECT count() FROM system.merges") and time.monotonic() < until:
        time.sleep(1)


def main() -> None:
    """Asks and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default="", help="questions that have this in their name")
    parser.add_argument("--settle", type=float, default=120, help="seconds to wait for merges")
    given = parser.parse_args()
    with store_at(given.data, up_to_date=False) as (client, pid):
        settle(client, given.settle)
        now_ms = int(client.command("SELECT intDiv(anchor_ns, 1000000) FROM generation"))
        trace_id = client.command("SELECT trace_id FROM traces WHERE hour < now() - INTERVAL 3 DAY LIMIT 1 OFFSET 5000")
        print(f"{client.command('SELECT count() FROM spans'):,} spans, {client.command('SELECT version()')}")
        print("| question | CPU-ms | wall ms | rows | answered by |\n|---|---|---|---|---|")
        interview = Interview(client, pid, given.runs)
        for name, work in questions(interview, now_ms, str(trace_id)):
            if given.only in name:
                one = interview.ask(name, work)
                print(f"| {one.name} | {one.cpu_ms:.0f} | {one.wall_ms:.0f} | {one.rows} | {one.queries} |", flush=True)


if __name__ == "__main__":
    main()
