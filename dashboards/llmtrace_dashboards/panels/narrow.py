"""What narrows the Traces page: a filter as text, a strip of calls over time to drag on, and counts by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from llmtrace import filters as grammar
from llmtrace_dashboards import database, figures
from llmtrace_dashboards.charts import series as charts
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.exports import exported
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import go, here, href
from llmtrace_dashboards.panels.taking import files
from llmtrace_dashboards.queries import calls, traces
from llmtrace_dashboards.queries.sources import source
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import FILTERS, View

_TITLES = {
    "status": "Status",
    "model": "Model",
    "error": "Error",
    "user": "User",
    "feature": "Feature",
    "prompt_version": "Prompt version",
    "service": "Service",
    "provider": "Provider",
}
_LEAST_MS = 1_000


def asked(view: View, text: str) -> View:
    """The view with `text` in the place of all its filters.

    Raises:
        FilterError: `text` is no filter.
    """
    return view.narrowed(**dict.fromkeys(FILTERS, ())).asking(text)


def filter_box(current: Current) -> None:
    """All filters as one text of the grammar; what is no filter gets a sentence and changes nothing."""
    wrong: str = st.session_state.pop("filter_wrong", "")
    if not wrong:
        st.session_state["filter_text"] = current.view.everything

    def typed() -> None:
        try:
            go(asked(here()[0], st.session_state["filter_text"]))
        except grammar.FilterError as error:
            st.session_state["filter_wrong"] = str(error)

    st.text_input(
        "Filter",
        key="filter_text",
        on_change=typed,
        placeholder='latency>3s -status:ok model:gpt-5* "refund policy"',
        icon=":material/search:",
        max_chars=2_000,
    )
    if wrong:
        with st.container(horizontal=True, gap="small", key="filter_wrong_told"):
            st.markdown(":red[:material/error: **Not a filter**]", width="content")
            st.text(f"{wrong}.")


def strip(current: Current) -> None:
    """Calls and failed calls over time; a range dragged on it becomes the range of the page."""
    if st.session_state.pop("range_drawn", False):
        st.rerun()  # all of the page: this panel alone is drawn anew by a selection in it
    rows = database.rows(calls.series(current.view, current.window, current.spans))
    if not rows:
        return
    window = calls.charted(current.window, source(current.view, current.window, current.spans))

    def selected() -> None:
        found = st.session_state["chart_strip"].selection.get("range") or {}
        if new := dragged(found.get("start"), current):
            go(replace(here()[0], window=new, before="", live=False))
            st.session_state["range_drawn"] = True

    st.vega_lite_chart(
        charts.strip(rows, window, current.zone, current.palette),
        theme=None,
        alt="Calls over time, failed calls in the error colour; drag to narrow the range",
        key="chart_strip",
        on_select=selected,
        selection_mode="range",
        width="stretch",
    )


def dragged(ends: Sequence[float] | None, current: Current) -> Window | None:
    """The window between two places on the axis of time, within that of the page; None: too narrow to mean one."""
    if not ends:
        return None
    start, end = sorted(charts.instant(float(at), current.zone) for at in ends)
    start, end = max(start, current.window.start_ms), min(end, current.window.end_ms)
    return Window(start_ms=start, end_ms=end) if end - start >= _LEAST_MS else None


def facets(current: Current) -> None:
    """The most frequent values of what matches, with their counts; a click narrows to one. Asked for on demand."""
    if not st.toggle("Counts by value", key="facets"):
        return
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in database.rows(traces.facets(current.view, current.window)):
        found.setdefault(row["word"], []).append(row)
    shown = [word for word in _TITLES if word in found]
    for first in range(0, len(shown), 4):
        for column, word in zip(st.columns(4), shown[first : first + 4], strict=False):
            with column:
                named = Column(key="value", label=_TITLES[word], kind="clip")
                columns = (named, Column(key="spans", label="Spans", align="end"))
                rows = [_value(row, current) for row in found[word]]
                table(columns, rows, label=f"Spans by {_TITLES[word].lower()}", key=f"facet_{word}")


def _value(row: Mapping[str, Any], current: Current) -> dict[str, Any]:
    to = current.pinned.only(row["word"], row["value"])
    return {
        "value": cell(row["value"], href=href("traces", to) if to else ""),
        "spans": figures.count(int(row["spans"])),
    }


def download(rows: Sequence[Mapping[str, Any]], current: Current) -> None:
    """The rows that are shown, as a file."""
    day = datetime.fromtimestamp(current.window.end_ms / 1000, UTC)
    name = f"{'spans' if current.view.grain == 'span' else 'traces'}-{day:%Y%m%dT%H%M%SZ}"
    files(lambda: [exported(row) for row in rows], name, "download")
