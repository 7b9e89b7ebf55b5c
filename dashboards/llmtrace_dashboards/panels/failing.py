"""What failed last: the newest failed span of each of some traces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import href, page
from llmtrace_dashboards.queries import overview as queries
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View

_COLUMNS = (
    Column(key="time", label="Time"),
    Column(key="span", label="Span", kind="clip"),
    Column(key="error", label="Error", kind="clip"),
    Column(key="message", label="What it says", kind="wrap"),
    Column(key="model", label="Model", kind="clip"),
    Column(key="user", label="User", kind="clip"),
)


def ahead(current: Current) -> None:
    """Has them asked by the side."""
    current.ahead("failing", partial(_rows, current.view, current.window, current.spans))


def _rows(view: View, window: Window, spans: int | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for query in queries.failing(view, window, spans):
        rows = database.rows(query)
        if len(rows) >= queries.FAILED:
            break
    return rows


def failing(current: Current) -> None:
    """A row opens the span in its trace."""
    rows = current.once("failing", partial(_rows, current.view, current.window, current.spans))
    if not rows:
        st.markdown(":green[:material/check_circle: **No span failed in this range**]")
        return
    table(_COLUMNS, [_row(row, current) for row in rows], label="What failed last", key="failing")
    to = current.pinned.narrowed(status=("error",)).params()
    st.page_link(page("traces"), label="All failed", icon=":material/arrow_forward:", query_params=to)


def _row(row: Mapping[str, Any], current: Current) -> dict[str, Any]:
    to = replace(current.pinned, trace_id=row["trace_id"], span=row["span_id"])
    return {
        "time": figures.clock(int(row["start_ns"]) // 1_000_000, current.zone),
        "span": cell(row["name"] or "(no name)", href=href("trace", to)),
        "error": cell(row["error_type"] or "Error", tone="error"),
        "message": row["message"] or cell("–", muted=True),
        "model": row["model"] or cell("–", muted=True),
        "user": row["user"] or cell("–", muted=True),
    }
