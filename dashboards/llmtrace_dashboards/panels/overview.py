"""The panels of the Overview: figures of the range against the range before, and over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import altair as alt
import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.charts import series as charts
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import href
from llmtrace_dashboards.queries import calls as queries
from llmtrace_dashboards.queries.sources import Source, percentiles, source
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View

Row = Mapping[str, Any]
_TOLD = {
    Source.MINUTES: "whole minutes, from the rollup",
    Source.HOURS: "whole hours, from the rollup; percentiles are estimates, ±4.5%",
}
_NONE: Row = {"stored": 0, "calls": 0, "errors": 0, "unpriced": 0, "cost_usd": None}


def by_period(rows: list[dict[str, Any]]) -> tuple[Row | None, Row | None]:
    """The rows `now` and `before` of a totals query."""
    found = {row["period"]: row for row in rows}
    return found.get("now"), found.get("before")


def kpis(current: Current) -> None:
    """Five figures, each with its change against the period before."""
    now, before = by_period(database.rows(queries.totals(current.view, current.window, current.spans)))
    quick, quick_before = by_period(database.rows(queries.latency_totals(current.view, current.window, current.spans)))
    now, quick = now or _NONE, quick or {}
    calls, errors, unpriced = int(now["calls"]), int(now["errors"]), int(now["unpriced"])
    with st.container(horizontal=True, gap="small", key="kpis"):
        _kpi("Calls", figures.count(calls), _change(now, before, "calls"), "off")
        spent = now["cost_usd"] if unpriced < calls - errors or now["cost_usd"] else None
        _kpi("Spend, US$", figures.money(spent), _change(now, before, "cost_usd"), "off")
        _kpi("Error rate", figures.percent(_rate(now)), figures.change(_rate(now), _rate(before)), "inverse")
        _kpi("Latency, p95", _time(quick, "p95_ns"), _change(quick, quick_before, "p95_ns"), "inverse")
        _kpi("First token, p95", _time(quick, "ttft_p95_ns"), _change(quick, quick_before, "ttft_p95_ns"), "inverse")
    notes = [f"{figures.plural(unpriced, 'call')} without a known price"] if unpriced else []
    notes += sampled(int(now["stored"]), calls)
    notes += [_TOLD[found]] if (found := source(current.view, current.window, current.spans)) in _TOLD else []
    notes += [f"changes are against the {figures.duration(current.window.length_ms * 1e6)} before"]
    st.caption(" · ".join(notes))


def sampled(stored: int, calls: int) -> list[str]:
    """What is to be said when the calls that are stored stand for more."""
    if stored >= calls:
        return []
    return [f"sampled: {figures.percent(stored / calls)} of calls stored; counts and sums are corrected"]


def _kpi(label: str, value: str, delta: str | None, color: Any) -> None:
    st.metric(
        label,
        value,
        delta or "no earlier figure",
        delta_color=color if delta else "off",
        delta_arrow="auto" if delta else "off",
        border=True,
    )


def _rate(row: Row | None) -> float | None:
    return int(row["errors"]) / int(row["calls"]) if row and row["calls"] else None


def _time(row: Row, key: str) -> str:
    return figures.duration(row[key]) if row.get(key) is not None else figures.NOT_REPORTED


def _change(now: Row | None, before: Row | None, key: str) -> str | None:
    pair = [float(row[key]) if row and row.get(key) is not None else None for row in (now, before)]
    return figures.change(*pair)


def calls_chart(current: Current) -> None:
    """Calls and errors over time."""
    rows = database.rows(queries.series(current.view, current.window, current.spans))
    _chart(
        charts.calls(rows, _charted(current, source), current.zone, current.palette),
        "Calls over time, failed calls in the error colour",
        "calls",
    )


def spend_chart(current: Current) -> None:
    """Spend over time."""
    rows = database.rows(queries.series(current.view, current.window, current.spans))
    _chart(
        charts.spend(rows, _charted(current, source), current.zone, current.palette),
        "Spend over time in US dollars",
        "spend",
    )


def latency_chart(current: Current) -> None:
    """Latency percentiles over time."""
    rows = database.rows(queries.latency_series(current.view, current.window, current.spans))
    _chart(
        charts.latency(rows, _charted(current, percentiles), current.zone, current.palette),
        "Latency percentiles p50, p95 and p99 over time",
        "latency",
    )


def _charted(current: Current, where: Callable[[View, Window, int | None], Source]) -> Window:
    return queries.charted(current.window, where(current.view, current.window, current.spans))


def _chart(chart: alt.LayerChart, told: str, key: str) -> None:
    st.altair_chart(chart, theme=None, alt=told, key=f"chart_{key}", width="stretch")


_MODEL_COLUMNS = (
    Column(key="model", label="Model", kind="clip"),
    Column(key="calls", label="Calls", align="end"),
    Column(key="spend", label="Spend", align="end", kind="bar"),
    Column(key="unpriced", label="No known price", align="end"),
    Column(key="errors", label="Errors", align="end"),
    Column(key="p95", label="Latency p95", align="end"),
    Column(key="ttft", label="First token p95", align="end"),
    Column(key="input", label="Tokens in", align="end"),
    Column(key="output", label="Tokens out", align="end"),
)


def models(current: Current) -> None:
    """One row per model, dearest first; a row opens the traces of that model."""
    rows = database.rows(queries.by_model(current.view, current.window, current.spans))
    table(_MODEL_COLUMNS, [_model(row, current) for row in rows], label="Calls by model", key="models")


def _model(row: Row, current: Current) -> dict[str, Any]:
    errors, calls, unpriced = int(row["errors"]), int(row["calls"]), int(row["unpriced"])
    to = href("traces", replace(current.pinned, model=(row["model"],))) if row["model"] else ""
    return {
        "model": cell(row["model"] or "(no model given)", href=to),
        "calls": figures.count(calls),
        "spend": cell(figures.money(row["cost_usd"]), size=float(row["cost_usd"] or 0), muted=row["cost_usd"] is None),
        "unpriced": cell(figures.count(unpriced), muted=not unpriced),
        "errors": cell(f"{figures.count(errors)} ({figures.percent(errors / calls)})", tone="error")
        if errors
        else cell("0", muted=True),
        "p95": figures.duration(row["p95_ns"]),
        "ttft": cell(figures.duration(row["ttft_p95_ns"]), muted=row["ttft_p95_ns"] is None),
        "input": cell(figures.count(row["input_tokens"]), muted=row["input_tokens"] is None),
        "output": cell(figures.count(row["output_tokens"]), muted=row["output_tokens"] is None),
    }
