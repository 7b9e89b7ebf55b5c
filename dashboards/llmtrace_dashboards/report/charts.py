"""The charts of a report: calls, spend by model, latency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import accumulate
from typing import Any

from llmtrace_dashboards import figures
from llmtrace_dashboards.measures.month import Month
from llmtrace_dashboards.panels.compared import NOTHING, Row
from llmtrace_dashboards.queries.spend import REST
from llmtrace_dashboards.report.days import Days
from llmtrace_dashboards.report.markup import Html, name, tag
from llmtrace_dashboards.report.summary import Summary
from llmtrace_dashboards.report.svg import Bar, Frame, Line, band, bars, lines, when
from llmtrace_dashboards.report.told import UNNAMED
from llmtrace_dashboards.state.ranges import Window

Key = tuple[str, Html]
"""A class of the style sheet, and what has its look."""


def drawn(summary: Summary) -> Iterable[Html]:
    """Each with its legend."""
    yield _calls(summary)
    if summary.stacked:
        yield _spend(summary)
    if summary.waits.now.whole:
        yield _latency(summary)
    if summary.month:
        yield _month(summary.month, summary.days)


def _figure(chart: Html, title: str, keys: Sequence[Key]) -> Html:
    legend = (tag("li", tag("span", "", class_=f"swatch {look}"), told) for look, told in keys)
    return tag("figure", tag("figcaption", title), chart, tag("ul", *legend, class_="legend"))


def _before(summary: Summary, rows: Sequence[Row], key: str, window: Window, *, scale: float = 1) -> list[Line]:
    half = window.bucket_ms // 2
    points = [
        (int(row["bucket_ms"]) + half, float(row[key] or 0) / scale)
        for row in rows
        if summary.days.window.start_ms <= int(row["bucket_ms"]) + half < summary.days.window.end_ms
    ]
    return [Line(points=points, look="before", gap_ms=2 * window.bucket_ms)] if points else []


def _highest(shown: Iterable[float], before: Sequence[Line]) -> float:
    return max([*shown, *(value for line in before for _, value in line.points)], default=0)


def _against(summary: Summary, before: Sequence[Line], of: str = "") -> list[Key]:
    return [("before", Html(f"{of}{summary.days.against}"))] if before else []


def _calls(summary: Summary) -> Html:
    window, rows = summary.charted, summary.calls.now.buckets
    before = _before(summary, summary.calls.before.buckets, "calls", window)
    found = []
    for row in rows:
        at, every, errors = int(row["bucket_ms"]), int(row["calls"]), int(row["errors"])
        said = f"{when(at, summary.days)}: {figures.plural(every, 'call')}, {figures.count(errors)} failed"
        found.append(Bar(at_ms=at, low=errors, high=every, look="c0", told=said))
        found.append(Bar(at_ms=at, low=0, high=errors, look="error", told=said))
    highest = _highest((bar.high for bar in found), before)
    frame = Frame(window=window, days=summary.days, highest=highest, written=figures.short, least_step=1)
    whole = summary.calls.now.whole or NOTHING
    title = f"Calls over the days: {figures.count(whole['calls'])}, {figures.count(whole['errors'])} of them failed"
    keys = [("c0", Html("answered")), ("error", Html("failed")), *_against(summary, before)]
    return _figure(bars(frame, found, before, title), "Calls", keys)


def _spend(summary: Summary) -> Html:
    window = summary.stacked_window
    looks = {value: "other" if value == REST else f"c{at}" for at, value in enumerate(summary.stacked_order)}
    same = window.bucket_ms == summary.charted.bucket_ms
    before = _before(summary, summary.calls.before.buckets, "cost_usd", window) if same else []
    tops: dict[int, float] = {}
    found = []
    for value in summary.stacked_order:
        for row in (row for row in summary.stacked if row["what"] == value):
            at, usd = int(row["bucket_ms"]), max(float(row["cost_usd"] or 0), 0.0)
            low = tops.get(at, 0.0)
            tops[at] = low + usd
            said = f"{when(at, summary.days)}: {value or UNNAMED}, {figures.money(row['cost_usd'])}"
            found.append(Bar(at_ms=at, low=low, high=low + usd, look=looks[value], told=said))
    frame = Frame(window=window, days=summary.days, highest=_highest(tops.values(), before), written=dollars)
    title = f"Spend over the days by model, {figures.money(sum(tops.values()))} in all"
    keys = [(look, name(value or UNNAMED, most=40)) for value, look in looks.items()]
    return _figure(bars(frame, found, before, title), "Spend by model, US$", [*keys, *_against(summary, before)])


def _latency(summary: Summary) -> Html:
    window = summary.waits_charted
    half = window.bucket_ms // 2
    before = _before(summary, summary.waits.before.buckets, "p95_ns", window, scale=1e9)
    shown = [
        Line(
            points=[(int(row["bucket_ms"]) + half, _seconds(row, key)) for row in summary.waits.now.buckets],
            look=look,
            gap_ms=2 * window.bucket_ms,
        )
        for key, look in (("p95_ns", "c0"), ("p50_ns", "c4"))
    ]
    highest = _highest((value for line in shown for _, value in line.points), before)
    frame = Frame(window=window, days=summary.days, highest=highest, written=seconds)
    whole: Any = summary.waits.now.whole
    p50, p95 = (figures.duration(whole[key]) for key in ("p50_ns", "p95_ns"))
    title = f"Latency over the days: p50 {p50}, p95 {p95} in all"
    keys = [("c0", Html("p95")), ("c4", Html("p50")), *_against(summary, before, "p95 of ")]
    return _figure(lines(frame, [*before, *shown], title), "Latency", keys)


def _month(month: Month, days: Days) -> Html:
    first, after = month.days[0], month.days[-1] + timedelta(days=1)
    whole = Days(first=first, after=after, zone=days.zone, zone_name=days.zone_name)
    ends = [window.end_ms for _, window in whole.each]
    spent = [(whole.window.start_ms, 0.0), *zip(ends, accumulate(month.spent), strict=False)]
    left = list(zip(ends[month.today :], month.ahead, strict=False))
    middle, low, high = ([spent[-1], *((at, told[kind]) for at, told in left)] for kind in range(3))
    highest = max([spent[-1][1], *(told[2] for _, told in left)])
    frame = Frame(window=whole.window, days=whole, highest=highest, written=dollars)
    title = f"{first:%B} added up: {figures.money(spent[-1][1])} spent"
    shown, keys = [Line(points=spent, look="c0")], [("c0", Html("spent"))]
    if left:
        shown.insert(0, Line(points=middle, look="before"))
        keys += [("before", Html("expected, and four times in five"))]
        title += f", {figures.money(middle[-1][1])} expected"
    under = band(frame, low, high) if left else None
    return _figure(lines(frame, shown, title, under=under), f"{first:%B}, added up, US$", keys)


def _seconds(row: Row, key: str) -> float:
    return float(row[key]) / 1e9


def dollars(value: float) -> str:
    """On an axis."""
    if value >= 1_000:
        return f"${figures.short(value)}"
    return f"${value:.3g}" if value >= 1 or not value else figures.money(value)


def seconds(value: float) -> str:
    """On an axis."""
    return f"{value:.3g} s" if value >= 1 or not value else f"{value * 1000:.3g} ms"
