"""How slow, where, for whom: heatmaps, errors by type, and what sets a box of a heatmap apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from llmtrace_dashboards.queries.calls import charted
from llmtrace_dashboards.queries.query import Query, bounds, filters
from llmtrace_dashboards.queries.sources import Source, kept, percentiles, table
from llmtrace_dashboards.state.box import Box
from llmtrace_dashboards.state.ranges import HOUR_MS, Window
from llmtrace_dashboards.state.view import View

STEPS = 3
"""Of a heatmap, an octave."""

REST = "\N{HORIZONTAL ELLIPSIS} all others"

_SAMPLED = 200_000
"""Calls that are looked at by attribute; of more, one in so many."""


def heatmap(view: View, window: Window, figure: str, spans: int | None) -> tuple[Query, Window]:
    """Counts by bucket and step, and the window whose `bucket_ms` the buckets have."""
    if figure != "cost" and percentiles(view, window, spans) is Source.HOURS:
        whole = window.outward(HOUR_MS)
        params = bounds(whole) | kept(view, Source.HOURS) | {"figure": figure, "steps": STEPS}
        return Query(name="heatmap_hours", params=params, instead=table(view)), replace(whole, least_bucket_ms=HOUR_MS)
    found = charted(window, Source.RAW)
    params = bounds(found) | filters(view) | {"figure": figure, "steps": STEPS, "bucket_ms": found.bucket_ms}
    return Query(name="heatmap", params=params), found


def in_the_box(view: View, window: Window, box: Box, spans: int | None) -> Query:
    """One row: the calls in the box, and the others of the window."""
    return Query(name="in_the_box", params=_boxed(view, window, box, spans))


def standing_out(view: View, window: Window, box: Box, spans: int | None) -> Query:
    """The same by value of every attribute."""
    return Query(name="standing_out", params=_boxed(view, window, box, spans))


def errors(view: View, window: Window, top: Sequence[str]) -> Query:
    """Failed calls by bucket and type, of the types in `top` (empty: all) and the rest."""
    more = {"bucket_ms": window.bucket_ms, "top": list(top), "rest": REST}
    return Query(name="errors_by_type", params=bounds(window) | filters(view) | more)


def _boxed(view: View, window: Window, box: Box, spans: int | None) -> dict[str, object]:
    return (
        bounds(window)
        | filters(view)
        | {
            "figure": box.figure,
            "box_start_ms": box.window.start_ms,
            "box_end_ms": box.window.end_ms,
            "low": box.low,
            "high": box.high,
            "sample": max(1, (spans or 0) // 2 // _SAMPLED),  # `spans` are those of the range before, too
        }
    )
