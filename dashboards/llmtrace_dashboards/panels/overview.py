"""Calls, spend and latency over time, beside what they are compared with; and by model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import tzinfo
from functools import partial
from typing import Any

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.charts import series as charts
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.panels import compared
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import href
from llmtrace_dashboards.queries import calls as queries
from llmtrace_dashboards.queries.sources import Source, percentiles, source
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View
from llmtrace_dashboards.theme import Palette

Row = Mapping[str, Any]


def calls_chart(current: Current) -> None:
    """Calls and errors over time."""
    found = compared.calls(current)
    _chart(
        charts.calls(found.now.buckets, _charted(current, source), *_look(current), before=found.before.buckets),
        "Calls over time, failed calls in the error colour",
        "calls",
        current,
    )


def spend_chart(current: Current) -> None:
    """Spend over time."""
    found = compared.calls(current)
    _chart(
        charts.spend(found.now.buckets, _charted(current, source), *_look(current), before=found.before.buckets),
        "Spend over time in US dollars",
        "spend",
        current,
    )


def latency_chart(current: Current) -> None:
    """Latency percentiles over time."""
    found = compared.latencies(current)
    _chart(
        charts.latency(found.now.buckets, _charted(current, percentiles), *_look(current), before=found.before.buckets),
        "Latency percentiles p50, p95 and p99 over time",
        "latency",
        current,
        of="p95 of ",
    )


def _look(current: Current) -> tuple[tzinfo, Palette]:
    return current.zone, current.palette


def _charted(current: Current, where: Callable[[View, Window, int | None], Source]) -> Window:
    return queries.charted(current.window, where(current.view, current.window, current.spans))


def _chart(chart: charts.Spec, told: str, key: str, current: Current, *, of: str = "") -> None:
    against = compared.against(current) if chart["datasets"].get("before") else ""
    also = f"; dashed: {of}{against}" if against else ""
    st.vega_lite_chart(chart, theme=None, alt=told + also, key=f"chart_{key}", width="stretch")
    if against:
        st.caption(f"dashed: {of}{against}")


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


def ahead(current: Current) -> None:
    """Has the models asked by the side."""
    current.ahead("models", _asked(current))


def models(current: Current) -> None:
    """One row per model, dearest first; a row opens the traces of that model."""
    rows = current.once("models", _asked(current))
    table(_MODEL_COLUMNS, [_model(row, current) for row in rows], label="Calls by model", key="models")


def _asked(current: Current) -> Callable[[], list[dict[str, Any]]]:
    return partial(database.rows, queries.by_model(current.view, current.window, current.spans))


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
