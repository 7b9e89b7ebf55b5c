"""Is output worse, did inputs shift? Signs of quality over time, and how calls of two periods differ."""

from __future__ import annotations

from dataclasses import replace

from llmtrace import semconv
from llmtrace_dashboards.queries.query import Query, bounds, either, filters
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import FILTERS, View

STEPS = 2
"""Of a number, an octave."""
NOTHING = -1_000
"""The step of zero and less."""

FAULTY = "is:call status:ok is:refused,truncated,empty,invalid_json,invalid_schema,invalid_tool_call"
"""Answers with a fault that spans tell."""

_SAMPLED = 400_000
"""Calls whose features are looked at; of more, one in so many."""
_FIRSTS = 12


def charted(window: Window) -> Window:
    """The window with at most 48 buckets: of too few calls a share says nothing."""
    wide = Window(start_ms=0, end_ms=window.length_ms * 5 // 2)
    return replace(window, least_bucket_ms=wide.bucket_ms)


def series(view: View, window: Window) -> Query:
    """Of how many calls each sign was told (`NAME_told`), and of how many it was so (`NAME_met`), per bucket."""
    return Query(name="quality_series", params=bounds(window) | filters(view) | {"bucket_ms": window.bucket_ms})


def verdicts(view: View, window: Window) -> Query:
    """Calls that guardrails judged, by verdict and bucket. It reads attributes: not for millions of spans."""
    more = {"bucket_ms": window.bucket_ms, "name": semconv.GUARDRAIL_VERDICT}
    return Query(name="verdicts", params=bounds(window) | filters(view) | more)


def judged(view: View, window: Window) -> Query:
    """What evaluators and people gave, by name and bucket; of the calls that the filters match, if there are any."""
    every = not view.q and not any(getattr(view, name) for name in FILTERS)
    more = {"bucket_ms": window.bucket_ms, "every": every}
    return Query(name="judged", params=bounds(window) | filters(view) | more)


def firsts(view: View, window: Window, before: Window) -> Query:
    """Versions, models and backends of `window` that `before` had not."""
    whole = Window(start_ms=min(before.start_ms, window.start_ms), end_ms=window.end_ms)
    more = {"since_ms": window.start_ms, "limit": _FIRSTS}
    return Query(name="firsts", params=bounds(whole) | filters(view) | more)


def came_and_went(view: View, window: Window, before: Window) -> Query:
    """Models and versions that only one of the two periods had, those of the most calls first."""
    whole = Window(start_ms=before.start_ms, end_ms=window.end_ms)
    more = {"split_ms": window.start_ms, "limit": _FIRSTS}
    return Query(name="came_and_went", params=bounds(whole) | filters(view) | more)


def shifted(view: View, window: Window, before: Window, spans: int | None) -> Query:
    """Calls of both windows by feature and bin."""
    more = {"steps": STEPS, "sample": sample(spans)}
    return Query(name="shifted", params=either(window, before) | filters(view) | more)


def sample(spans: int | None) -> int:
    """One call in so many is looked at."""
    return max(1, (spans or 0) // _SAMPLED)
