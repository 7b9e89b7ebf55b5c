"""The panels of Latency & reliability: the heatmap on which a box is drawn, and what fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from llmtrace_dashboards import database
from llmtrace_dashboards.charts import series as charts
from llmtrace_dashboards.panels import compared
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.empty import empty
from llmtrace_dashboards.panels.navigation import go, here
from llmtrace_dashboards.queries import latency as queries
from llmtrace_dashboards.queries.sources import Source, percentiles
from llmtrace_dashboards.state import box
from llmtrace_dashboards.state.box import FIGURES

_NAMES = {"latency": "Latency", "ttft": "Time to first token", "cost": "Cost of a call"}


def figure(current: Current) -> str:
    """Which figure the heatmap shows: that of the box, else what was picked last."""
    drawn = box.parse(current.view.sel)
    st.session_state["figure"] = drawn.figure if drawn else st.session_state.get("figure") or FIGURES[0]

    def picked() -> None:
        go(replace(here()[0], sel=""))

    found = st.segmented_control(
        "Figure", FIGURES, key="figure", on_change=picked, format_func=_NAMES.__getitem__, label_visibility="collapsed"
    )
    return found or FIGURES[0]


def heatmap(current: Current, figure: str) -> None:
    """Calls by time and by how long they took, or what they cost; a box drawn on it is explained below."""
    if st.session_state.pop("box_drawn", False):
        st.rerun()  # all of the page: this panel alone is drawn anew by a selection in it
    query, window = queries.heatmap(current.view, current.window, figure, current.spans)
    rows = database.rows(query)
    if not rows:
        empty(current)
        return
    drawn = box.parse(current.view.sel)
    chart = charts.heatmap(rows, figure, window, current.zone, current.palette, steps=queries.STEPS, box=drawn)

    def selected() -> None:
        found = st.session_state[f"chart_heatmap_{figure}"].selection.get("box") or {}
        if new := _box(found, figure, current):
            go(replace(here()[0], window=current.window, sel=str(new), live=False))
            st.session_state["box_drawn"] = True

    st.vega_lite_chart(
        chart,
        theme=None,
        alt=f"{_NAMES[figure]} of calls over time; darker is more calls",
        key=f"chart_heatmap_{figure}",
        on_select=selected,
        selection_mode="box",
        width="stretch",
    )
    notes = ["drag a box to see what sets its calls apart", "darker is more calls"]
    if figure != "cost" and percentiles(current.view, current.window, current.spans) is Source.HOURS:
        notes.append("whole hours, from the rollup")
    st.caption(" · ".join(notes))


def _box(found: Any, figure: str, current: Current) -> box.Box | None:
    """The box of a selection: corners on the axes of the chart."""
    across, up = found.get("start"), found.get("low")
    if not across or not up:
        return None
    start, end = sorted(charts.instant(float(at), current.zone) for at in across)
    low, high = sorted(float(value) for value in up)
    return box.around(figure, start, end, low, high)


def errors(current: Current) -> None:
    """Failed calls over time, by type."""
    every = database.rows(queries.errors(current.view, current.window, ()))
    if not every:
        st.caption(":material/check_circle: No call failed in this range.")
        return
    totals: dict[str, int] = {}
    for row in every:
        totals[row["what"]] = totals.get(row["what"], 0) + int(row["calls"])
    top = sorted(totals, key=lambda what: -totals[what])[: len(current.palette.categories) - 1]
    rest = [row for row in every if row["what"] not in top]
    kept = [row for row in every if row["what"] in top]
    by_bucket: dict[int, int] = {}
    for row in rest:
        by_bucket[int(row["bucket_ms"])] = by_bucket.get(int(row["bucket_ms"]), 0) + int(row["calls"])
    kept += [{"bucket_ms": at, "what": queries.REST, "calls": calls} for at, calls in by_bucket.items()]
    order = [*top, queries.REST] if by_bucket else top
    dashed, against = compared.earlier(current, current.window), compared.against(current)
    st.vega_lite_chart(
        charts.failures(kept, order, current.window, current.zone, current.palette, before=dashed),
        theme=None,
        alt="Failed calls over time by type",
        key="chart_errors",
        width="stretch",
    )
    if dashed:
        st.caption(f"dashed: {against}, of all types")
