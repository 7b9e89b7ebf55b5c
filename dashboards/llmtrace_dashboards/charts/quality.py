"""Charts of quality: a share within its control limits, how far features shifted, and what a feature was and is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

import altair as alt

from llmtrace_dashboards import figures
from llmtrace_dashboards.charts.series import Rows, Spec, finish, place, rows_of, time_axis, tooltip, wall
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.theme import Palette

CONTROL = 110
ROW = 26


def control(rows: Rows, marks: Rows, window: Window, zone: tzinfo, palette: Palette, *, share: bool) -> Spec:
    """A line with the band it would lie in, a point for each bucket outside, and dashed lines for what is new.

    `rows` have bucket_ms, value, low, high, told and outside; `marks` have first_ms and name. `share`: in percent.
    """
    values = [
        place(row, window, zone)
        | {"value": row["value"], "low": row["low"], "high": row["high"], "outside": bool(row["outside"])}
        | {"told": row["told"], "expected": row["expected"]}
        for row in rows
    ]
    base = rows_of("points")
    axis = alt.Axis(title=None, format=".2~p" if share else "~g", tickCount=3)
    y = alt.Y("value:Q", axis=axis, scale=alt.Scale(zero=share))
    x = time_axis("middle", window, zone)
    band = base.mark_area(opacity=0.18, color=palette.other, interpolate="step", aria=False).encode(
        x=x, y="low:Q", y2="high:Q"
    )
    line = base.mark_line(strokeWidth=1.5, color=palette.categories[0]).encode(x=x, y=y)
    shown = tooltip("told", "expected")
    dots = base.mark_point(filled=True, size=12, color=palette.categories[0]).encode(x=x, y=y, tooltip=shown)
    layers: list[alt.Chart] = [band, line, dots]
    held: dict[str, Rows] = {"points": values}
    if out := [value for value in values if value["outside"]]:
        held["outside"] = out
        marked = rows_of("outside").mark_point(filled=True, size=60, color=palette.error, shape="diamond")
        layers.append(marked.encode(x=x, y=y, tooltip=shown))
    if marks:
        held["marks"] = [{"at": wall(int(mark["first_ms"]), zone), "new": mark["name"]} for mark in marks]
        rule = rows_of("marks").mark_rule(strokeDash=[3, 3], color=palette.warn, aria=False)
        layers.append(rule.encode(x=alt.X("at:Q"), tooltip=[alt.Tooltip("new:N", title="new")]))
    return finish(layers, palette, held, height=CONTROL)


def dots(rows: Sequence[Mapping[str, Any]], palette: Palette) -> Spec:
    """Features by how far they shifted, with the interval; those that stand out in the colour of a warning.

    `rows` have name, size, low, high, told (bool) and said.
    """
    base = rows_of("features")
    order = [row["name"] for row in rows]
    y = alt.Y("name:N", sort=order, axis=alt.Axis(title=None, labelLimit=160, grid=False, ticks=False))
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("size:Q", scale=scale, axis=alt.Axis(title=None, format=".1~f", tickCount=5))
    colour = alt.condition("datum.told", alt.value(palette.warn), alt.value(palette.other))
    shown = [alt.Tooltip("name:N", title="feature"), alt.Tooltip("said:N", title="shift")]
    reach = base.mark_rule(strokeWidth=2, opacity=0.5).encode(
        y=y, x=alt.X("low:Q", scale=scale), x2="high:Q", color=colour
    )
    points = base.mark_point(filled=True, size=70).encode(y=y, x=x, color=colour, tooltip=shown)
    return finish([reach, points], palette, {"features": rows}, height=ROW * max(len(order), 2))


def distribution(rows: Sequence[Mapping[str, Any]], palette: Palette) -> Spec:
    """Shares of calls by bin, of the two periods side by side. `rows` have bin, period ("now", "before") and share."""
    order = list(dict.fromkeys(row["bin"] for row in rows))
    values = [dict(row) | {"told": figures.percent(row["share"])} for row in rows]
    colour = alt.Color(
        "period:N",
        scale=alt.Scale(domain=["before", "now"], range=[palette.other, palette.categories[0]]),
        legend=alt.Legend(title=None, orient="top", labelColor=palette.muted, labelFontSize=11, offset=0),
    )
    bars = (
        rows_of("bins")
        .mark_bar(aria=False)
        .encode(
            x=alt.X("bin:N", sort=order, axis=alt.Axis(title=None, labelAngle=-40, labelLimit=120, grid=False)),
            xOffset=alt.XOffset("period:N", sort=["before", "now"]),
            y=alt.Y("share:Q", axis=alt.Axis(title=None, format=".2~p", tickCount=4)),
            color=colour,
            tooltip=[alt.Tooltip("bin:N"), alt.Tooltip("period:N"), alt.Tooltip("told:N", title="of calls")],
        )
    )
    return finish([bars], palette, {"bins": values})
