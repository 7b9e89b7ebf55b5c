"""Lists of traces and single traces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmtrace import semconv
from llmtrace_dashboards.queries.query import Query, bounds, filters
from llmtrace_dashboards.queries.sources import Source, kept, percentiles, table
from llmtrace_dashboards.state.ranges import DAY_MS, HOUR_MS, LONGEST_MS, MINUTE_MS, Window
from llmtrace_dashboards.state.view import View

PAGE = 100
"""Traces on a page."""

MOST_SPANS = 30_000
"""Spans of a trace that are drawn."""

_AROUND_MS = HOUR_MS
"""Before and after a span: where others are looked for to compare it with."""

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
    """A page of traces or spans, by the view's grain, and one more, by which the caller knows that there is a next."""
    ns, _, last = view.before.partition("-") if view.sort == "newest" else ("", "", "")
    # The cursor is 19 digits at most; an instant beyond Int64 would be refused by the store.
    cursor = {"before_ns": min(int(ns or 0), 2**63 - 1), "before_id": last}
    params = bounds(window) | filters(view) | cursor | {"sort": view.sort, "limit": PAGE + 1}
    return Query(name="spans" if view.grain == "span" else "traces", params=params)


def cursor(row: Mapping[str, Any]) -> str:
    """What `before` of the next page is, after the last row of this one."""
    return f"{row['start_ns']}-{row['span_id']}" if "span_id" in row else f"{row['newest_ns']}-{row['trace_id']}"


def pages(view: View, window: Window, spans: int | None = None) -> Iterator[Query]:
    """The same page over more and more of the range: the newest are most often in its last minutes.

    The first answer with more than `PAGE` rows is the page, else the last one is. A trace in the short range is there
    with its newest matching span, so nothing older can come before it. `spans` as in `calls`: by it ranges in which
    there cannot be enough are passed over.
    """
    if view.sort != "newest":
        yield page(view, window)
        return
    ns = view.before.partition("-")[0]
    newest_ms = min(window.end_ms, int(ns) // 1_000_000 + 1) if ns else window.end_ms
    for part in lately(window, newest_ms, spans):
        yield page(view, part)


def lately(window: Window, newest_ms: int, spans: int | None) -> Iterator[Window]:
    """The last minutes of the window before `newest_ms`, more and more of it, at last all; `spans` as in `pages`."""
    for length_ms in _LAST:
        start_ms = newest_ms - length_ms
        enough = spans is None or spans * length_ms > _SPANS_A_PAGE * window.length_ms
        if enough and start_ms > window.start_ms:
            yield Window(start_ms=start_ms, end_ms=window.end_ms)
    yield window


def facets(view: View, window: Window) -> Query:
    """How many matching spans have which model, user, error and so on: `word`, `value`, `spans`, most first."""
    return Query(name="facets", params=bounds(window) | filters(view) | {"limit": _VALUES})


def when(trace_id: str, now_ms: int) -> Query:
    """When a trace was, looking over all the time spans are kept."""
    window = Window(start_ms=now_ms - LONGEST_MS, end_ms=now_ms + DAY_MS)
    return Query(name="trace_when", params=bounds(window) | {"trace_id": trace_id})


def outline(trace_id: str, window: Window) -> Query:
    """What is drawn of the spans of a trace that lies in `window`: the first `MOST_SPANS`, by time."""
    marks = {"retries": semconv.RETRY_COUNT, "verdict": semconv.GUARDRAIL_VERDICT, "origin": semconv.REPLY_ORIGIN}
    params = bounds(window) | marks | {"trace_id": trace_id, "limit": MOST_SPANS}
    return Query(name="outline", params=params, most_rows=MOST_SPANS)


def span(trace_id: str, span_id: str, start_ns: int) -> Query:
    """One span with all that is stored of it but its messages."""
    return _of_span("span", trace_id, span_id, start_ns)


def rank(span: Mapping[str, Any]) -> Query:
    """How many spans like this one there were in the hours around it, and how many of them were faster and cheaper."""
    names = ("project", "is_call", "model", "name", "duration_ns", "cost_usd")
    return Query(name="rank", params=bounds(around(span)) | {name: span[name] for name in names})


def around(span: Mapping[str, Any]) -> Window:
    """The hours before and after a span's start."""
    start_ms = int(span["start_ns"]) // 1_000_000
    return Window(start_ms=max(start_ms - _AROUND_MS, 0), end_ms=start_ms + _AROUND_MS)


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


def examples(view: View, window: Window, limit: int) -> Query:
    """The first spans that match, with what can shift of them."""
    return Query(name="examples", params=bounds(window) | filters(view) | {"limit": limit})
