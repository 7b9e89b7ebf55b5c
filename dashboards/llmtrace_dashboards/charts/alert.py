"""Charts of alerts: a figure against its limit, and when groups fired, or would have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

import altair as alt

from llmtrace_dashboards.charts.series import SECONDS, Rows, Spec, finish, rows_of, time_axis, wall
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.theme import Palette

HEIGHT = 190
ROW = 24


def against(
    rows: Rows,
    fired: Sequence[tuple[int, int]],
    limit: tuple[float, str],
    expected: tuple[float, float] | None,
    look: tuple[Window, tzinfo, Palette],
    *,
    unit: str,
) -> Spec:
    """A figure in steps, its limit dashed, what was expected as a band, and the times in which the alert fired.

    `rows` have start_ms, end_ms, figure and told; `limit` is the figure and how it is written.
    `unit` is that of the rule's measure: USD, share, s, or another.
    """
    window, zone, palette = look
    x, right = time_axis("start", window, zone), "end:Q"
    y = alt.Y("figure:Q", axis=_axis(unit), scale=alt.Scale(zero=True))
    values = [
        {"start": wall(int(row["start_ms"]), zone), "end": wall(int(row["end_ms"]), zone)}
        | {"figure": row["figure"], "told": row["told"], "time": row["time"]}
        for row in rows
    ]
    layers: list[alt.Chart] = []
    held: dict[str, Rows] = {"steps": values, "limit": [{"limit": limit[0], "told": limit[1]}]}
    if bands := [
        {"start": wall(max(start, window.start_ms), zone), "end": wall(min(end, window.end_ms), zone)}
        for start, end in fired
        if start < window.end_ms and end > window.start_ms
    ]:
        held["fired"] = bands
        shade = rows_of("fired").mark_rect(color=palette.error, opacity=0.13, aria=False)
        layers.append(shade.encode(x=x, x2=right))
    if expected:
        whole = {"start": wall(window.start_ms, zone), "end": wall(window.end_ms, zone)}
        held["expected"] = [whole | {"low": expected[0], "high": expected[1]}]
        band = rows_of("expected").mark_rect(color=palette.other, opacity=0.2, aria=False)
        layers.append(band.encode(x=x, x2=right, y=alt.Y("low:Q"), y2="high:Q"))
    base = rows_of("steps")
    shown = [alt.Tooltip("time:N", title="window"), alt.Tooltip("told:N", title="figure")]
    bars = base.mark_rect(color=palette.categories[0], opacity=0.35, aria=False).encode(
        x=x, x2=right, y=y, y2=alt.datum(0), tooltip=shown
    )
    tops = base.mark_rule(color=palette.categories[0], strokeWidth=2, aria=False).encode(x=x, x2=right, y=y)
    rule = rows_of("limit").mark_rule(color=palette.error, strokeDash=[5, 3], strokeWidth=1.5)
    layers += [bars, tops, rule.encode(y=alt.Y("limit:Q"), tooltip=[alt.Tooltip("told:N", title="limit")])]
    return finish(layers, palette, held, height=HEIGHT)


def _axis(unit: str) -> alt.Axis:
    if unit == "s":
        return alt.Axis(title=None, tickCount=4, labelExpr=SECONDS)
    return alt.Axis(title=None, tickCount=4, format={"USD": "$,.3~r", "share": ".2~p"}.get(unit, "~s"))


def bands(rows: Sequence[Mapping[str, Any]], window: Window, zone: tzinfo, palette: Palette) -> Spec:
    """When each group fired, a line for each: `rows` have group, start_ms, end_ms and told."""
    values = [
        {"group": row["group"], "told": row["told"]}
        | {"start": wall(max(int(row["start_ms"]), window.start_ms), zone), "end": wall(int(row["end_ms"]), zone)}
        for row in rows
    ]
    groups = list(dict.fromkeys(row["group"] for row in rows))
    made = (
        rows_of("groups")
        .mark_bar(color=palette.error, height=12, stroke=palette.error, aria=False)
        .encode(
            x=time_axis("start", window, zone),
            x2="end:Q",
            y=alt.Y("group:N", sort=groups, axis=alt.Axis(title=None, labelLimit=200, grid=False, ticks=False)),
            tooltip=[alt.Tooltip("group:N"), alt.Tooltip("told:N", title="fired")],
        )
    )
    return finish([made], palette, {"groups": values}, height=ROW * max(len(groups), 2))
