"""Charts over time.

Instants are shifted to the reader's zone and labelled as UTC, so that the axis does not depend on the browser. Rows are
put into a specification when it is complete: Altair copies whatever a chart holds at every step of making it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from importlib import import_module
from typing import Any

import altair as alt

from llmtrace_dashboards import figures
from llmtrace_dashboards.state.box import Box
from llmtrace_dashboards.state.ranges import DAY_MS, HOUR_MS, MINUTE_MS, Window
from llmtrace_dashboards.theme import SANS, SEQUENTIAL, Palette

import_module("pandas")  # Altair looks at it: half loaded, by another session's first chart, it breaks this one's

HEIGHT = 180
STRIP = 90
Rows = Sequence[Mapping[str, Any]]
Spec = dict[str, Any]
"""A chart of Vega-Lite 6, with its rows in `datasets`. Source: https://vega.github.io/vega-lite/docs/spec.html."""


def calls(rows: Rows, window: Window, zone: tzinfo, palette: Palette, *, before: Rows = ()) -> Spec:
    """Bars of calls per bucket, the failed part in the error colour, at the bottom where it can be compared.

    `before` are the rows of what is compared with, moved to this window: a dashed line.
    """
    values, bars = _calls(rows, window, zone, palette)
    return _over(bars, values, _before(before, "calls", figures.count, window, zone), (window, zone, palette))


def strip(rows: Rows, window: Window, zone: tzinfo, palette: Palette) -> Spec:
    """The same, low; a range of time can be drawn on it, named `range`."""
    values, bars = _calls(rows, window, zone, palette)
    brush = alt.BrushConfig(fill=palette.warn, fillOpacity=0.15)
    drawn = alt.selection_interval(name="range", encodings=["x"], mark=brush)
    return finish([bars.add_params(drawn)], palette, {"bars": values}, height=STRIP)


def _calls(rows: Rows, window: Window, zone: tzinfo, palette: Palette) -> tuple[list[dict[str, Any]], Any]:
    values: list[dict[str, Any]] = []
    for row in rows:
        errors, every = int(row["errors"]), int(row["calls"])
        told = place(row, window, zone) | {"calls": figures.count(every), "failed": figures.count(errors)}
        values += [
            told | {"low": errors, "high": every, "kind": "OK"},
            told | {"low": 0, "high": errors, "kind": "Errors"},
        ]
    colours = alt.Scale(domain=["OK", "Errors"], range=[palette.categories[0], palette.error])
    color = alt.Color("kind:N", scale=colours, legend=_legend(palette))
    axis = alt.Axis(title=None, format="~s", tickCount=4, tickMinStep=1)
    bars = _bars(color, axis, time_axis("start", window, zone), palette)
    return values, bars.encode(tooltip=tooltip("calls", "failed"))


def spend(rows: Rows, window: Window, zone: tzinfo, palette: Palette, *, before: Rows = ()) -> Spec:
    """Bars of dollars per bucket, and `before` as a dashed line."""
    values = [
        place(row, window, zone)
        | {
            "low": 0,
            "high": float(row["cost_usd"] or 0),
            "spend": figures.money(row["cost_usd"]),
            "without price": figures.count(row["unpriced"]),
        }
        for row in rows
    ]
    axis = alt.Axis(title=None, format="$,.3~r", tickCount=4)
    bars = _bars(alt.value(palette.categories[0]), axis, time_axis("start", window, zone), palette)
    bars = bars.encode(tooltip=tooltip("spend", "without price"))
    return _over(bars, values, _before(before, "cost_usd", figures.money, window, zone), (window, zone, palette))


def stacked(
    rows: Rows, order: Sequence[str], window: Window, zone: tzinfo, palette: Palette, *, before: Rows = ()
) -> Spec:
    """Dollars per bucket, stacked by `what` in the `order` of values, the last of them in the colour of all others.

    `before` are the sums of what is compared with: a dashed line.

    `rows` have bucket_ms, what and cost_usd; what is not in `order` is left out.
    """
    colours = dict(zip(order, _colours(len(order), palette), strict=True))
    values: list[dict[str, Any]] = []
    tops: dict[int, float] = {}
    for what in order:
        for row in sorted((r for r in rows if r["what"] == what), key=lambda r: int(r["bucket_ms"])):
            bucket, amount = int(row["bucket_ms"]), max(float(row["cost_usd"] or 0), 0.0)
            low = tops.get(bucket, 0.0)
            tops[bucket] = low + amount
            told = {"what": what or UNNAMED, "spend": figures.money(row["cost_usd"]), "low": low, "high": low + amount}
            values.append(place(row, window, zone) | told)
    scale = alt.Scale(domain=[what or UNNAMED for what in order], range=list(colours.values()))
    color = alt.Color("what:N", scale=scale, legend=_legend(palette, columns=3))
    axis = alt.Axis(title=None, format="$,.3~r", tickCount=4)
    bars = _bars(color, axis, time_axis("start", window, zone), palette).encode(tooltip=tooltip("what", "spend"))
    return _over(bars, values, _before(before, "cost_usd", figures.money, window, zone), (window, zone, palette))


UNNAMED = "(none given)"
"""In the place of an empty value."""


def _colours(count: int, palette: Palette) -> list[str]:
    """The first ones of the palette, and for the last value that of all others where there are more than it has."""
    return [*palette.categories[: max(count - 1, 1)], palette.other][:count] if count > 1 else [palette.categories[0]]


def month(points: Rows, zone_days: Sequence[str], palette: Palette) -> Spec:
    """Dollars added up over the days of a month: what was spent, and from today on what is expected, with its 80 %.

    `points` have day (1 to 31), kind ("spent" or "expected"), usd, low and high, and told (a text).
    """
    x = alt.X(
        "day:Q",
        scale=alt.Scale(domain=[0, len(zone_days)], nice=False, zero=False),
        axis=alt.Axis(title=None, values=[1, 8, 15, 22, len(zone_days)], format="d", grid=False),
    )
    y = alt.Y("usd:Q", axis=alt.Axis(title=None, format="$,.3~r", tickCount=4), scale=alt.Scale(zero=True))
    base = rows_of("points")
    band = base.transform_filter("datum.kind === 'expected'").mark_area(
        opacity=0.2, color=palette.categories[0], aria=False
    )
    color = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["spent", "expected"], range=[palette.categories[0], palette.other]),
        legend=_legend(palette),
    )
    dash = alt.StrokeDash("kind:N", scale=alt.Scale(domain=["spent", "expected"], range=[[1, 0], [4, 3]]), legend=None)
    line = base.mark_line(strokeWidth=2).encode(x=x, y=y, color=color, strokeDash=dash)
    dots = base.mark_point(filled=True, size=16).encode(
        x=x, y=y, color=color, tooltip=[alt.Tooltip("date:N"), alt.Tooltip("told:N", title="in all")]
    )
    return finish([band.encode(x=x, y="low:Q", y2="high:Q"), line, dots], palette, {"points": points})


def failures(
    rows: Rows, order: Sequence[str], window: Window, zone: tzinfo, palette: Palette, *, before: Rows = ()
) -> Spec:
    """Bars of failed calls per bucket, by `what` in the `order` of values, the last in the colour of all others.

    `before` are the failed calls of what is compared with: a dashed line.
    """
    values: list[dict[str, Any]] = []
    tops: dict[int, int] = {}
    for what in order:
        for row in (r for r in rows if r["what"] == what):
            bucket, calls = int(row["bucket_ms"]), int(row["calls"])
            low = tops.get(bucket, 0)
            tops[bucket] = low + calls
            told = {"what": what or UNNAMED, "failed": figures.count(calls), "low": low, "high": low + calls}
            values.append(place(row, window, zone) | told)
    scale = alt.Scale(domain=[what or UNNAMED for what in order], range=_colours(len(order), palette))
    color = alt.Color("what:N", scale=scale, legend=_legend(palette, columns=3))
    axis = alt.Axis(title=None, format="~s", tickCount=4, tickMinStep=1)
    bars = _bars(color, axis, time_axis("start", window, zone), palette).encode(tooltip=tooltip("what", "failed"))
    return _over(bars, values, _before(before, "errors", figures.count, window, zone), (window, zone, palette))


def heatmap(
    rows: Rows, figure: str, window: Window, zone: tzinfo, palette: Palette, *, steps: int, box: Box | None = None
) -> Spec:
    """How many calls took how long, or cost how much: darker is more; a box can be drawn on it, named `box`.

    Rows have bucket_ms, step (of `steps` an octave, of seconds or dollars), calls and errors.
    """
    shown = figures.money if figure == "cost" else lambda seconds: figures.duration(seconds * 1e9)
    values = []
    for row in rows:
        low, high = (2.0 ** ((int(row["step"]) + more) / steps) for more in (0, 1))
        told = {"between": f"{shown(low)} and {shown(high)}", "failed": figures.count(int(row["errors"]))}
        values.append(place(row, window, zone) | told | {"low": low, "high": high, "calls": int(row["calls"])})
    label = "format(datum.value, '$.3~g')" if figure == "cost" else SECONDS
    scale = alt.Scale(type="log", nice=False)
    y = alt.Y("low:Q", scale=scale, axis=alt.Axis(title=None, labelExpr=label, tickCount=5, grid=False))
    dark = palette.background != "#FFFFFF"
    ramp = alt.Scale(type="sqrt", range=list(reversed(SEQUENTIAL)) if dark else list(SEQUENTIAL[1:]))
    cells = rows_of("cells").mark_rect(aria=False)
    cells = cells.encode(
        x=time_axis("start", window, zone),
        x2="end",
        y=y,
        y2="high:Q",
        color=alt.Color("calls:Q", scale=ramp, legend=None),
        tooltip=tooltip("between", "calls", "failed"),
    )
    brush = alt.BrushConfig(fill=palette.warn, fillOpacity=0.15)
    drawn = alt.selection_interval(name="box", encodings=["x", "y"], mark=brush)
    layers, held = [cells.add_params(drawn)], {"cells": values}
    if box and box.figure == figure:
        corner = {
            "start": wall(box.window.start_ms, zone),
            "end": wall(box.window.end_ms, zone),
            "low": max(box.low, 1e-9),
            "high": box.high,
        }
        held["box"] = [corner]
        edge = rows_of("box").mark_rect(fillOpacity=0, stroke=palette.warn, strokeWidth=2, clip=True, aria=False)
        layers.append(edge.encode(x="start:Q", x2="end", y=alt.Y("low:Q", scale=scale), y2="high:Q"))
    return finish(layers, palette, held)


def instant(wall_ms: float, zone: tzinfo) -> int:
    """The instant of a place on the axis of time: `wall` turned around."""
    guess = int(wall_ms)
    for _ in range(2):  # the offset there, not here: over a change of daylight-saving time
        guess = int(wall_ms) - (wall(guess, zone) - guess)
    return guess


def latency(rows: Rows, window: Window, zone: tzinfo, palette: Palette, *, before: Rows = ()) -> Spec:
    """Lines of p50, p95 and p99, and the p95 of `before` dashed; a logarithmic axis where they lie far apart."""
    names = ("p50", "p95", "p99")
    values = [
        place(row, window, zone)
        | {"seconds": _seconds(row[f"{name}_ns"]), "line": name, "latency": figures.duration(row[f"{name}_ns"])}
        for row in rows
        for name in names
    ]
    far = any(row["p99_ns"] > 10 * max(row["p50_ns"], 1) for row in rows)
    colours = alt.Scale(domain=list(names), range=[palette.categories[4], palette.categories[0], palette.categories[1]])
    axis = alt.Axis(title=None, tickCount=4, labelExpr=SECONDS, values=_decades(values) if far else alt.Undefined)
    scale = alt.Scale(type="log", nice=False) if far else alt.Scale(zero=True)
    base = rows_of("lines").encode(
        x=time_axis("middle", window, zone),
        y=alt.Y("seconds:Q", scale=scale, axis=axis),
        color=alt.Color("line:N", scale=colours, legend=_legend(palette)),
    )
    dots = base.mark_point(filled=True, size=14).encode(
        tooltip=[_time(), alt.Tooltip("line:N"), alt.Tooltip("latency:N")]
    )
    then = _before(before, "p95_ns", figures.duration, window, zone, height=_seconds)
    layers = _dashed((window, zone, palette), scale=scale) if then else []
    return finish([*layers, base.mark_line(strokeWidth=1.5), dots], palette, {"lines": values, "before": then})


def _over(bars: alt.Chart, values: Rows, then: Rows, look: tuple[Window, tzinfo, Palette]) -> Spec:
    """Bars, and over them what they are compared with."""
    layers = [bars, *_dashed(look)] if then else [bars]
    return finish(layers, look[2], {"bars": values, "before": then})


def _before(
    rows: Rows,
    key: str,
    told: Callable[[Any], str],
    window: Window,
    zone: tzinfo,
    *,
    height: Callable[[Any], float] = float,
) -> list[dict[str, Any]]:
    """`key` of what is compared with, at the middles of the buckets that lie in the window."""
    return [
        place(row, window, zone) | {"was": height(row[key] or 0), "before": told(row[key])}
        for row in rows
        if window.start_ms <= int(row["bucket_ms"]) + window.bucket_ms // 2 < window.end_ms
    ]


def _dashed(look: tuple[Window, tzinfo, Palette], *, scale: alt.Scale | None = None) -> list[alt.Chart]:
    """A grey dashed line of the rows `before`."""
    window, zone, palette = look
    base = rows_of("before").encode(
        x=time_axis("middle", window, zone), y=alt.Y("was:Q", title=None, scale=scale or alt.Scale(zero=True))
    )
    halo = base.mark_line(strokeWidth=3.5, color=palette.background, opacity=0.8, aria=False)
    line = base.mark_line(strokeWidth=1.5, strokeDash=[4, 3], color=palette.muted, aria=False)
    dots = base.mark_point(filled=True, size=30, opacity=0).encode(tooltip=tooltip("before"))
    return [halo, line, dots]


def _seconds(ns: Any) -> float:
    return max(float(ns), 1e5) / 1e9  # a logarithm needs more than zero


def _decades(values: list[dict[str, Any]]) -> list[float]:
    """Round ticks, at most six, over the range of the values."""
    low, high = min(v["seconds"] for v in values), max(v["seconds"] for v in values)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [
            step * 10.0**power
            for power in range(-5, 6)
            for step in steps
            if low / 1.5 <= step * 10.0**power <= high * 1.5
        ]
        if len(ticks) <= 6:
            break
    return ticks


SECONDS = (
    "datum.value === 0 ? '0'"
    " : datum.value < 1 ? format(datum.value * 1000, '~r') + ' ms'"
    " : format(datum.value, '~r') + ' s'"
)


def place(row: Mapping[str, Any], window: Window, zone: tzinfo) -> dict[str, Any]:
    """Where a row with bucket_ms stands on the axis of time: start, middle, end, and `time` in words."""
    start, end = int(row["bucket_ms"]), int(row["bucket_ms"]) + window.bucket_ms
    return {
        "start": wall(max(start, window.start_ms), zone),
        "end": wall(min(end, window.end_ms), zone),
        "middle": wall((start + end) // 2, zone),
        "time": figures.clock(start, zone, seconds=window.bucket_ms < 60_000),
    }


def wall(ms: int, zone: tzinfo) -> int:
    """The instant whose UTC clock shows what the clock in `zone` shows at `ms`."""
    offset = datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone).utcoffset()
    return ms + round(offset.total_seconds() * 1000) if offset else ms


_TICKS = (
    *(1_000 * n for n in (1, 5, 10, 30)),
    *(MINUTE_MS * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR_MS * n for n in (1, 2, 3, 4, 6, 12)),
    *(DAY_MS * n for n in (1, 2, 5, 7, 14, 30, 90)),
)


def time_axis(field: str, window: Window, zone: tzinfo) -> alt.X:
    """The axis of time, the same on every chart of a page."""
    # Quantitative, not temporal: vega-lite merges the equal temporal domains of two layers into a wrong one.
    start, end = wall(window.start_ms, zone), wall(window.end_ms, zone)
    step = next((s for s in _TICKS if (end - start) <= 6 * s), _TICKS[-1])
    ticks = list(range(-(-start // step) * step, end + 1, step))
    label = f"utcFormat(datum.value, '{'%-d %b' if step >= DAY_MS else '%H:%M:%S' if step < MINUTE_MS else '%H:%M'}')"
    axis = alt.Axis(title=None, values=ticks, labelExpr=label, grid=False, labelOverlap=True)
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=[start, end], nice=False, zero=False), axis=axis)


def _bars(color: Any, axis: alt.Axis, x: alt.X, palette: Palette) -> Any:
    # Both ends of both sides are given: a bar with x2 alone is taken for a horizontal one.
    return (
        rows_of("bars")
        .mark_rect(stroke=palette.background, strokeWidth=0.5)
        .encode(
            x=x,
            x2="end",
            y=alt.Y("low:Q", axis=axis, scale=alt.Scale(zero=True)),
            y2="high:Q",
            color=color,
        )
    )


def _legend(palette: Palette, *, columns: int = 0) -> alt.Legend:
    return alt.Legend(
        title=None,
        columns=columns or alt.Undefined,
        labelLimit=150,
        orient="top",
        direction="horizontal",
        labelColor=palette.muted,
        labelFontSize=11,
        symbolType="square",
        offset=0,
    )


def _time() -> alt.Tooltip:
    return alt.Tooltip("time:N", title="from")


def tooltip(*fields: str) -> list[alt.Tooltip]:
    """The time of a bucket, and these."""
    return [_time(), *(alt.Tooltip(field=field, type="nominal") for field in fields)]


def rows_of(name: str) -> alt.Chart:
    """A chart of the rows that `finish` is given under this name."""
    return alt.Chart(alt.NamedData(name=name))


def finish(layers: Sequence[alt.Chart], palette: Palette, rows: Mapping[str, Rows], *, height: int = HEIGHT) -> Spec:
    """The layers as one chart in the looks of the app, with its rows by name."""
    spec: Spec = alt.layer(*layers).to_dict(validate=False)
    axis = {
        "labelColor": palette.muted,
        "labelFontSize": 11,
        "gridColor": palette.border,
        "gridOpacity": 0.6,
        "domainColor": palette.border,
        "tickColor": palette.border,
    }
    return spec | {
        "height": height,
        "width": "container",
        "background": palette.background,
        "padding": {"left": 2, "right": 4, "top": 6, "bottom": 2},
        "config": {"font": SANS, "view": {"stroke": None}, "axis": axis},
        "datasets": {name: [dict(row) for row in found] for name, found in rows.items()},
    }
