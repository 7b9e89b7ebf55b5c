"""Figures of the range beside those it is compared with: asked once for all panels of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.queries import compared as queries
from llmtrace_dashboards.queries.calls import charted
from llmtrace_dashboards.queries.query import Query
from llmtrace_dashboards.queries.sources import percentiles, source
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View

Row = Mapping[str, Any]
NOTHING: Row = {"stored": 0, "calls": 0, "errors": 0, "unpriced": 0, "cost_usd": None, "answers": None, "faults": None}
"""Of a time without calls."""


@dataclass(frozen=True, kw_only=True)
class Period:
    """What a query of `queries.compared` says of one period."""

    whole: Row | None
    """None: there was nothing."""
    buckets: tuple[Row, ...]
    """By time."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The range and what it is compared with."""

    now: Period
    before: Period
    """Its buckets are moved to where they stand beside those of now; empty where nothing is compared."""

    def change(self, key: str) -> str | None:
        """`+12%` of a figure; None where there is nothing to compare."""
        pair = [
            float(period.whole[key]) if period.whole and period.whole[key] is not None else None
            for period in (self.now, self.before)
        ]
        return figures.change(*pair)


def share(row: Row | None, part: str, whole: str) -> float | None:
    """`part` of `whole`; None without any."""
    return float(row[part]) / float(row[whole]) if row and row[part] is not None and row[whole] else None


def sampled(stored: int, calls: int) -> list[str]:
    """What is to be said when the calls that are stored stand for more."""
    if stored >= calls:
        return []
    return [f"sampled: {figures.percent(stored / calls)} of calls stored; counts and sums are corrected"]


def of(rows: Sequence[Row], moved_ms: int) -> Compared:
    """Rows of all queries together, sorted out; `moved_ms` is how much later now is than before."""

    def period(name: str, later_ms: int) -> Period:
        found = [row for row in rows if row["period"] == name]
        buckets = [{**row, "bucket_ms": int(row["bucket_ms"]) + later_ms} for row in found if row["bucket_ms"]]
        return Period(whole=next((row for row in found if not row["bucket_ms"]), None), buckets=tuple(buckets))

    return Compared(now=period("now", 0), before=period("before", moved_ms))


def ahead(current: Current) -> None:
    """Has both asked by the side."""
    view, window, spans = current.view, current.window, current.spans
    current.ahead("figures", lambda: calls_of(view, window, spans))
    current.ahead("latencies", lambda: latencies_of(view, window, spans))


def calls(current: Current) -> Compared:
    """Calls, errors, spend and answers.

    Raises:
        StoreError: the store did not answer.
    """
    return current.once("figures", lambda: calls_of(current.view, current.window, current.spans))


def calls_of(view: View, window: Window, spans: int | None) -> Compared:
    """The same for any window; `spans` as in `queries.calls`.

    Raises:
        StoreError: the store did not answer.
    """
    found = source(view, window, spans)
    said = _asked(queries.figures(view, window, spans), queries.moved_ms(view, window, found))
    wide = charted(window, found)
    return replace(said, now=_filled(said.now, wide), before=_filled(said.before, wide))


def _filled(period: Period, window: Window) -> Period:
    """With a bucket for the times in which nothing was: zeros, not gaps."""
    if period.whole is None:
        return period
    known = {int(row["bucket_ms"]): row for row in period.buckets}
    first = next(iter(known)) % window.bucket_ms  # buckets of before may lie between those of now
    start = (window.start_ms - first) // window.bucket_ms * window.bucket_ms + first
    times = range(start, window.end_ms, window.bucket_ms)
    return replace(period, buckets=tuple(known.get(at, {**NOTHING, "bucket_ms": at}) for at in times))


def earlier(current: Current, window: Window) -> tuple[Row, ...]:
    """The buckets of `calls` before, for a chart with those of `window`; none where theirs have another width."""
    ours = charted(current.window, source(current.view, current.window, current.spans))
    return calls(current).before.buckets if ours.bucket_ms == window.bucket_ms else ()


def latencies(current: Current) -> Compared:
    """Percentiles.

    Raises:
        StoreError: the store did not answer.
    """
    return current.once("latencies", lambda: latencies_of(current.view, current.window, current.spans))


def latencies_of(view: View, window: Window, spans: int | None) -> Compared:
    """The same for any window.

    Raises:
        StoreError: the store did not answer.
    """
    found = percentiles(view, window, spans)
    return _asked(queries.latencies(view, window, spans), queries.moved_ms(view, window, found))


def _asked(asked: Sequence[Query], moved_ms: int) -> Compared:
    return of([row for query in asked for row in database.rows(query)], moved_ms)


def against(current: Current) -> str:
    """What figures are compared with, in words; '' for nothing."""
    if current.view.cmp == "off":
        return ""
    if current.view.cmp == "week":
        return "the same time last week"
    return f"the {figures.duration(current.window.length_ms * 1e6)} before"
