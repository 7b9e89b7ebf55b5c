"""The panels of the Spend page: the month and its forecast, what the money is for, what a trace costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.charts import series as charts
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.measures.month import LEAST_DAYS, Month, month_of
from llmtrace_dashboards.panels import compared
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.empty import empty
from llmtrace_dashboards.panels.navigation import go, here, href, page
from llmtrace_dashboards.queries import spend as queries
from llmtrace_dashboards.state.view import GROUPS

_NAMES = {"prompt_version": "prompt version"}
_MOST_SPANS = 3_000_000
"""Of which what a trace costs is counted."""


def month(current: Current) -> None:
    """This month so far, what is expected of it, and both over its days."""
    rows = database.rows(queries.hours(current.view, current.now_ms, current.zone))
    found = month_of(rows, current.now_ms, current.zone)
    so_far = sum(found.spent)
    with st.container(horizontal=True, gap="small", key="kpis"):
        st.metric("This month so far, US$", figures.money(so_far), border=True)
        st.metric("Today so far, US$", figures.money(found.spent[-1]), border=True)
        if found.ahead:
            expected, low, high = found.ahead[-1]
            st.metric(
                f"Expected by {found.days[-1]:%-d %B}, US$",
                figures.money(expected),
                f"80 %: {figures.money(low)} to {figures.money(high)}",
                delta_color="off",
                delta_arrow="off",
                border=True,
            )
    st.vega_lite_chart(
        charts.month(_points(found), [f"{day:%-d %b}" for day in found.days], current.palette),
        theme=None,
        alt="Dollars added up over this month, spent and expected",
        key="chart_month",
        width="stretch",
    )
    st.caption(" · ".join(_notes(current, found)))


def _notes(current: Current, found: Month) -> list[str]:
    notes = [f"days are those of {current.zone_name}", "US dollars", "from the rollup by hour"]
    if not found.ahead:
        notes.append(f"a forecast needs {LEAST_DAYS} days of history")
    if current.view.user or current.view.q:
        notes.append("filters by user and by q are not in the rollup, and not applied to this panel")
    return notes


def _points(found: Month) -> list[dict[str, Any]]:
    points, total = [], 0.0
    for day, usd in zip(found.days, found.spent, strict=False):
        total += usd
        points.append(_point(day, "spent", total, total, total))
    for day, (expected, low, high) in zip(found.days[found.today :], found.ahead, strict=False):
        points.append(_point(day, "expected", expected, low, high))
    return points


def _point(day: date, kind: str, usd: float, low: float, high: float) -> dict[str, Any]:
    told = (
        figures.money(usd)
        if kind == "spent"
        else f"{figures.money(usd)} ({figures.money(low)} to {figures.money(high)})"
    )
    return {"day": day.day, "date": f"{day:%-d %b}", "kind": kind, "usd": usd, "low": low, "high": high, "told": told}


def grouping(current: Current) -> None:
    """What spend is split by, for the panels below."""
    st.session_state["by"] = current.view.by

    def picked() -> None:
        go(replace(here()[0], by=st.session_state["by"] or "model"))

    st.segmented_control(
        "Split by", GROUPS, key="by", on_change=picked, format_func=lambda by: _NAMES.get(str(by), str(by)).capitalize()
    )


def _top(current: Current) -> list[dict[str, Any]]:
    query = queries.by_group(current.view, current.window, current.view.by, current.spans)
    return current.once("spend_by", lambda: database.rows(query))


def over_time(current: Current) -> None:
    """Dollars over time, the dearest values apart."""
    rows = _top(current)
    if not rows:
        empty(current)
        return
    top = [row["what"] for row in rows if row["cost_usd"]][: len(current.palette.categories) - 1]
    order = [*top, queries.REST] if len(rows) > len(top) else top
    found = database.rows(queries.over_time(current.view, current.window, current.view.by, top, current.spans))
    window = queries.charted_window(current.view, current.window, current.view.by, current.spans)
    whole, dashed, against = compared.calls(current), compared.earlier(current, window), compared.against(current)
    st.vega_lite_chart(
        charts.stacked(found, order, window, current.zone, current.palette, before=dashed),
        theme=None,
        alt=f"Spend over time by {_NAMES.get(current.view.by, current.view.by)}",
        key="chart_over_time",
        width="stretch",
    )
    if against:
        now = figures.money((whole.now.whole or compared.NOTHING)["cost_usd"])
        change = whole.change("cost_usd")
        told = f"{change} against {against}" if change else f"no figure of {against}"
        line = f" · dashed: {against}, in all" if dashed else ""
        st.caption(f"{now.replace('$', 'US$ ')} in this range, {told}{line}")


_COLUMNS = (
    Column(key="what", label="", kind="clip"),
    Column(key="spend", label="Spend", align="end", kind="bar"),
    Column(key="share", label="Share", align="end"),
    Column(key="calls", label="Calls", align="end"),
    Column(key="each", label="A call", align="end"),
    Column(key="unpriced", label="No known price", align="end"),
)


def listing(current: Current) -> None:
    """The values, dearest first; one opens its traces."""
    rows = _top(current)
    if not rows:
        return
    total = sum(float(row["cost_usd"] or 0) for row in rows)
    columns = (replace(_COLUMNS[0], label=_NAMES.get(current.view.by, current.view.by).capitalize()), *_COLUMNS[1:])
    table(columns, [_row(row, total, current) for row in rows], label="Spend by value", key="spend_by")
    unpriced = sum(int(row["unpriced"]) for row in rows)
    if unpriced:
        told = figures.plural(unpriced, "call")
        st.caption(f":material/warning: {told} without a known price: not in these sums")


def _row(row: Mapping[str, Any], total: float, current: Current) -> dict[str, Any]:
    usd, calls, unpriced = float(row["cost_usd"] or 0), int(row["calls"]), int(row["unpriced"])
    priced, there = calls - unpriced, current.pinned.only(current.view.by, row["what"])
    return {
        "what": cell(row["what"] or charts.UNNAMED, href=href("traces", there) if there else ""),
        "spend": cell(figures.money(row["cost_usd"]), size=usd, muted=row["cost_usd"] is None),
        "share": figures.percent(usd / total) if total else "–",
        "calls": figures.count(calls),
        "each": figures.money(usd / priced) if priced > 0 and usd else "–",
        "unpriced": cell(figures.count(unpriced), muted=not unpriced),
    }


def tree(current: Current) -> None:
    """How projects, models and features share it."""
    rows = [row for row in database.rows(queries.tree(current.view, current.window, current.spans)) if row["cost_usd"]]
    if not rows:
        st.caption("Nothing was spent in this range.")
        return
    st.echarts_chart(
        {
            "animation": False,
            "tooltip": {"formatter": "{b}"},
            "color": [*current.palette.categories],
            "series": [
                {
                    "type": "treemap",
                    "roam": False,
                    "nodeClick": False,
                    "breadcrumb": {"show": False},
                    "width": "100%",
                    "height": "100%",
                    "label": {"overflow": "truncate"},
                    "upperLabel": {"show": True, "height": 20, "color": current.palette.text},
                    "itemStyle": {"borderColor": current.palette.background, "gapWidth": 2},
                    "data": _nodes(rows),
                }
            ],
        },
        height=280,
        key="chart_tree",
        alt="Spend by project, model and feature, as areas",
    )


def _nodes(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Projects with models with features, each with its dollars and a name that says them."""
    tree: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        project, model, feature = row["what"].split("\n", 2)
        tree.setdefault(project, {}).setdefault(model, {})[feature] = float(row["cost_usd"])

    def node(name: str, inside: Mapping[str, Any] | float) -> dict[str, Any]:
        if isinstance(inside, float):
            return {"name": f"{name or charts.UNNAMED} {figures.money(inside)}", "value": inside}
        children = [node(other, further) for other, further in inside.items()]
        if len(children) == 1 and set(inside) == {""}:  # of one that nobody named there is nothing more to see
            return {"name": f"{name or charts.UNNAMED} {figures.money(children[0]['value'])}"} | {
                "value": children[0]["value"]
            }
        usd = sum(child["value"] for child in children)
        return {"name": f"{name or charts.UNNAMED} {figures.money(usd)}", "value": usd, "children": children}

    return [node(project, models) for project, models in tree.items()]


def a_trace(current: Current) -> None:
    """The middle and the dear end of what traces cost, and the way to the dearest."""
    if (current.spans or 0) > _MOST_SPANS:
        st.caption("There are too many traces in this range to compare them one by one: pick a shorter one.")
        return
    found = database.rows(queries.a_trace(current.view, current.window))[0]
    traces = int(found["traces"])
    if not traces:
        st.caption("No trace of this range cost anything.")
        return
    with st.container(horizontal=True, gap="small", key="facts"):
        st.metric("Traces that cost something", figures.count(traces), border=True)
        st.metric("Median, US$", figures.money(found["median_usd"]), border=True)
        st.metric("95 % cost less than, US$", figures.money(found["p95_usd"]), border=True)
    dearest = replace(current.pinned, sort="dearest").params()
    st.page_link(page("traces"), label="The dearest traces", icon=":material/arrow_forward:", query_params=dearest)
