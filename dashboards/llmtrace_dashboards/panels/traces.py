"""The panels of the Traces page: what matches in all, and the traces it is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.panels import narrow
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.empty import empty
from llmtrace_dashboards.panels.navigation import go, here, href
from llmtrace_dashboards.queries import traces as queries
from llmtrace_dashboards.state.view import SORTS

_COLUMNS = (
    Column(key="time", label="Started"),
    Column(key="root", label="Trace", kind="clip"),
    Column(key="state", label="State"),
    Column(key="length", label="Duration", align="end", kind="bar"),
    Column(key="calls", label="Calls / spans", align="end"),
    Column(key="tokens", label="Tokens in / out", align="end"),
    Column(key="cost", label="Cost", align="end"),
    Column(key="user", label="User", kind="clip"),
    Column(key="models", label="Models", kind="clip"),
)


_SPANS = (
    Column(key="time", label="Started"),
    Column(key="name", label="Span", kind="clip"),
    Column(key="state", label="State"),
    Column(key="length", label="Duration", align="end", kind="bar"),
    Column(key="tokens", label="Tokens in / out", align="end"),
    Column(key="cost", label="Cost", align="end"),
    Column(key="user", label="User", kind="clip"),
    Column(key="model", label="Model", kind="clip"),
    Column(key="service", label="Service", kind="clip"),
)


def listing(current: Current) -> None:
    """What the filters match, and a page of it: traces, or the spans themselves."""
    view = current.view
    found = database.rows(queries.matching(view, current.window, current.spans))[0]
    if not found["spans"]:
        empty(current)
        return
    rows = _page(current)
    shown, more = rows[: queries.PAGE], len(rows) > queries.PAGE
    with st.container(horizontal=True, vertical_alignment="center", key="matching"):
        st.markdown(summary(found))
        _choice("grain", {"trace": "Traces", "span": "Spans"}, "Rows", view.grain)
        _choice("sort", {name: name.capitalize() for name in SORTS}, "Order", view.sort)
        narrow.download(shown, current)
    if view.grain == "span":
        table(_SPANS, [_span(row, current) for row in shown], label="Spans", key="spans")
    else:
        table(_COLUMNS, [_row(row, current) for row in shown], label="Traces", key="traces")
    _paging(current, shown, more=more)


def _page(current: Current) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for query in queries.pages(current.view, current.window, current.spans):
        rows = database.rows(query)
        if len(rows) > queries.PAGE:
            break
    return rows


def summary(found: Mapping[str, Any]) -> str:
    """`12 traces · 34 calls · $1.23 · 2 errors · 1 call without a known price`."""
    calls, errors, unpriced = (int(found[key]) for key in ("calls", "errors", "unpriced"))
    traces = [] if found["traces"] is None else [f"**{figures.plural(int(found['traces']), 'trace')}**"]
    parts = [*traces, f"**{figures.plural(calls, 'call')}**"]
    if found["cost_usd"] is not None:
        parts.append("**" + figures.money(found["cost_usd"]).replace("$", "\\$") + "**")
    if errors:
        parts.append(f":red[:material/error: {figures.plural(errors, 'failed call')}]")
    if unpriced:
        parts.append(f"{figures.plural(unpriced, 'call')} without a known price")
    if calls < int(found["calls_made"]):
        made = int(found["calls_made"])
        parts.append(f"sampled: {figures.percent(calls / made)} of about {figures.count(made)} calls stored")
    return " · ".join(parts)


def _choice(word: str, names: Mapping[str, str], label: str, now: str) -> None:
    """One of some, kept as `word` of the address."""
    st.session_state[word] = now

    def picked() -> None:
        chosen = {word: st.session_state[word] or next(iter(names))}
        go(replace(here()[0], before="", **chosen))  # type: ignore[arg-type]

    options = list(names)
    st.segmented_control(
        label, options, key=word, on_change=picked, format_func=names.__getitem__, label_visibility="collapsed"
    )


def _row(row: Mapping[str, Any], current: Current) -> dict[str, Any]:
    to = href("trace", replace(current.pinned, trace_id=row["trace_id"]))
    errors = int(row["errors"])
    cost = figures.money(row["cost_usd"])
    if row["unpriced"] and row["cost_usd"] is not None:
        cost = f"{cost} + {row['unpriced']} unpriced"
    calls = int(row["calls"])
    return {
        "time": figures.clock(int(row["start_ns"]) // 1_000_000, current.zone),
        "root": cell(row["root"] or "(no name)", href=to),
        "state": cell(figures.plural(errors, "error"), tone="error") if errors else cell("OK", tone="good"),
        "length": cell(figures.duration(row["length_ns"]), size=float(row["length_ns"])),
        "calls": f"{figures.count(calls)} / {figures.count(row['spans'])}",
        "tokens": cell(_tokens(row) if calls else "–", muted=row["input_tokens"] is None),
        "cost": cell(cost if calls else "–", muted=row["cost_usd"] is None),
        "user": row["user"] or cell("–", muted=True),
        "models": ", ".join(row["models"]),
    }


def _span(row: Mapping[str, Any], current: Current) -> dict[str, Any]:
    to = href("trace", replace(current.pinned, trace_id=row["trace_id"], span=row["span_id"]))
    failed, called = row["status"] == "ERROR", row["is_call"]
    return {
        "time": figures.clock(int(row["start_ns"]) // 1_000_000, current.zone),
        "name": cell(row["name"] or "(no name)", href=to),
        "state": cell(row["error_type"] or "Error", tone="error") if failed else cell("OK", tone="good"),
        "length": cell(figures.duration(row["duration_ns"]), size=float(row["duration_ns"])),
        "tokens": cell(_tokens(row) if called else "–", muted=row["input_tokens"] is None),
        "cost": cell(figures.money(row["cost_usd"]) if called else "–", muted=row["cost_usd"] is None),
        "user": row["user"] or cell("–", muted=True),
        "model": row["model"] or cell("–", muted=True),
        "service": row["service"] or cell("–", muted=True),
    }


def _tokens(row: Mapping[str, Any]) -> str:
    if row["input_tokens"] is None:
        return figures.NOT_REPORTED
    return f"{figures.count(row['input_tokens'])} / {figures.count(row['output_tokens'])}"


def _paging(current: Current, shown: list[dict[str, Any]], *, more: bool) -> None:
    view = current.view
    with st.container(horizontal=True, key="paging"):
        if view.before:
            st.button(
                "Newest", key="newest", icon=":material/first_page:", on_click=go, args=(replace(view, before=""),)
            )
        if more and view.sort == "newest":
            # Pinned: while paging, the range must not move under the reader.
            older = replace(view, window=current.window, before=queries.cursor(shown[-1]), live=False)
            st.button(
                "Older", key="older", icon=":material/chevron_right:", icon_position="right", on_click=go, args=(older,)
            )
        elif more:
            st.caption(f"The first {queries.PAGE}; narrow the range or the filters to see others.")
