"""Lists of traces and single traces."""

from __future__ import annotations

from collections.abc import Iterator

from llmtrace_dashboards.queries.query import Query, bounds, filters
from llmtrace_dashboards.queries.sources import Source, kept, percentiles, table
from llmtrace_dashboards.state.ranges import DAY_MS, HOUR_MS, LONGEST_MS, MINUTE_MS, Window
from llmtrace_dashboards.state.view import View

PAGE = 100
"""Traces on a page."""

MOST_SPANS = 5_000
"""Spans of a trace that are read; `sql/trace.sql` says the same."""

_VALUES = 5
"""Values of one word that are counted."""

_LAST = (MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS)
_SPANS_A_PAGE = 800
"""About so many spans have a page of traces among them."""


def matching(view: View, window: Window, spans: int | None = None) -> Query:
    """One row: how many traces (None: not counted), calls and dollars the filters match; `spans` as in `calls`."""
    if percentiles(view, window, spans) is Source.HOURS:
        params = bounds(window.outward(HOUR_MS)) | kept(view, Source.HOURS)
        return Query(name="matching_hours", params=params, instead=table(view))
    return Query(name="matching", params=bounds(window) | filters(view))


def page(view: View, window: Window) -> Query:
    """A page of traces and one more, by which the caller knows that there is a next page."""
    ns, _, trace_id = view.before.partition("-") if view.sort == "newest" else ("", "", "")
    # The cursor is 19 digits at most; an instant beyond Int64 would be refused by the store.
    cursor = {"before_ns": min(int(ns or 0), 2**63 - 1), "before_id": trace_id}
    return Query(name="traces", params=bounds(window) | filters(view) | cursor | {"sort": view.sort, "limit": PAGE + 1})


def pages(view: View, window: Window, spans: int | None = None) -> Iterator[Query]:
    """The same page over more and more of the range: the newest traces are most often in its last minutes.

    The first answer with more than `PAGE` rows is the page, else the last one is. A trace in the short range is there
    with its newest matching span, so nothing older can come before it. `spans` as in `calls`: by it ranges in which
    there cannot be enough are passed over.
    """
    if view.sort == "newest":
        ns = view.before.partition("-")[0]
        newest_ms = min(window.end_ms, int(ns) // 1_000_000) if ns else window.end_ms
        for length_ms in _LAST:
            start_ms = newest_ms - length_ms
            enough = spans is None or spans * length_ms > _SPANS_A_PAGE * window.length_ms
            if enough and start_ms > window.start_ms:
                yield page(view, Window(start_ms=start_ms, end_ms=window.end_ms))
    yield page(view, window)


def facets(view: View, window: Window) -> Query:
    """How many matching spans have which model, user, error and so on: `word`, `value`, `spans`, most first."""
    return Query(name="facets", params=bounds(window) | filters(view) | {"limit": _VALUES})


def when(trace_id: str, now_ms: int) -> Query:
    """When a trace was, looking over all the time spans are kept."""
    window = Window(start_ms=now_ms - LONGEST_MS, end_ms=now_ms + DAY_MS)
    return Query(name="trace_when", params=bounds(window) | {"trace_id": trace_id})


def spans(trace_id: str, window: Window) -> Query:
    """All spans of a trace that lies in `window`."""
    return Query(name="trace", params=bounds(window) | {"trace_id": trace_id})


def scores(trace_id: str, start_ns: int) -> Query:
    """What evaluators and people have said since of a trace with a span at `start_ns`, the newest first."""
    start_ms = start_ns // 1_000_000 - DAY_MS  # their clocks need not agree, and a span may be late in its trace
    window = Window(start_ms=max(start_ms, 0), end_ms=start_ms + LONGEST_MS)
    return Query(name="trace_scores", params=bounds(window) | {"trace_id": trace_id})


def changes(trace_id: str, span_id: str, start_ns: int) -> Query:
    """The changes of a call's cost, the oldest first."""
    return _of_span("cost_changes", trace_id, span_id, start_ns)


def content(trace_id: str, span_id: str, start_ns: int) -> Query:
    """The captured messages of one span, if any."""
    return _of_span("content", trace_id, span_id, start_ns)


def _of_span(name: str, trace_id: str, span_id: str, start_ns: int) -> Query:
    start_ms = start_ns // 1_000_000
    window = Window(start_ms=start_ms - 1, end_ms=start_ms + 2)
    return Query(name=name, params=bounds(window) | {"trace_id": trace_id, "span_id": span_id})
