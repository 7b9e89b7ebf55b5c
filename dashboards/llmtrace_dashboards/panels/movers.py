"""What changed: the groups of calls that have most of it, and a sentence about the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.components.plain import code
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.panels import compared
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import href
from llmtrace_dashboards.queries import overview as queries
from llmtrace_dashboards.state.view import View

Row = Mapping[str, Any]
_WORDS = ("model", "feature", "prompt_version")
_MOST = 0.25
"""Of all that moved: less is not worth a sentence."""

_COLUMNS = (
    Column(key="what", label="Model, feature, prompt version", kind="wrap"),
    Column(key="calls", label="Calls", align="end"),
    Column(key="more_calls", label="Change", align="end"),
    Column(key="usd", label="Spend", align="end"),
    Column(key="more_usd", label="Change", align="end"),
    Column(key="part", label="Part of the change in spend", align="end", kind="bar"),
    Column(key="errors", label="Errors", align="end"),
    Column(key="p95", label="Latency p95", align="end"),
)


def ahead(current: Current) -> None:
    """Has them asked by the side."""
    if query := queries.movers(current.view, current.window, current.spans):
        current.ahead("movers", partial(database.rows, query))


def movers(current: Current) -> None:
    """One row a group, with a way to its calls."""
    query = queries.movers(current.view, current.window, current.spans)
    if query is None:
        st.caption("The page compares with nothing: choose what to compare with, on top.")
        return
    rows = current.once("movers", partial(database.rows, query))
    moved = [row for row in rows if any(row[f"more_{what}"] for what in ("calls", "errors", "usd"))]
    if not moved:
        st.caption(f"Nothing changed against {compared.against(current)}.")
        return
    if not any(row["before_calls"] for row in moved):
        st.caption(f"There was no call in {compared.against(current)} to compare with.")
        return
    if sentence := told(moved):
        st.markdown(sentence)
    table(_COLUMNS, [_row(row, current) for row in moved], label="What changed", key="movers")
    notes = [
        f"against {compared.against(current)}",
        "those with the largest part of the change in calls, spend or errors",
    ]
    if query.name == "movers_hours":
        notes.append("by model alone, from the rollup")
    st.caption(" · ".join(notes))


def told(rows: Sequence[Row]) -> str:
    """Who has most of the change in spend, else in calls; '' where nobody has."""
    for what, name, written in (("usd", "spend", _money), ("calls", "calls", _count)):
        first = max(rows, key=lambda row: abs(row[f"more_{what}"]))
        every, own = first[f"all_more_{what}"], first[f"more_{what}"]
        if every and own * every > 0 and first[f"of_{what}"] >= _MOST:
            return f"Most of the change in {name}, {written(every)} in all, is {_named(first, code)}: {written(own)}."
    return ""


def _row(row: Row, current: Current) -> dict[str, Any]:
    is_new, is_gone = not row["before_calls"], not row["now_calls"]
    to = _narrowed(current.pinned, row)
    return {
        "what": cell(_named(row, str), href=href("traces", to) if to and not is_gone else ""),
        "calls": figures.count(row["now_calls"]),
        "more_calls": cell("new", tone="warn")
        if is_new
        else cell("gone", tone="off")
        if is_gone
        else _count(row["more_calls"]),
        "usd": cell(figures.money(row["now_usd"]) if not is_gone else "–", muted=row["now_usd"] is None),
        "more_usd": _money(row["more_usd"]) if row["more_usd"] else cell("–", muted=True),
        "part": cell(figures.percent(row["of_usd"]), size=float(row["of_usd"]))
        if row["of_usd"]
        else cell("–", muted=True),
        "errors": _errors(row),
        "p95": _latency(row),
    }


def _named(row: Row, shown: Any) -> str:
    parts = [shown(row[word]) for word in _WORDS if row[word]]
    return " · ".join(parts) or "(no model given)"


def _narrowed(view: View, row: Row) -> View | None:
    found: View | None = view
    for word in _WORDS:
        if found and row[word]:
            found = found.only(word, row[word])
    return found


def _errors(row: Row) -> dict[str, Any]:
    now, before = int(row["now_errors"]), int(row["before_errors"])
    if now == before:
        return cell(figures.count(now), muted=not now)
    return cell(f"{figures.count(before)} → {figures.count(now)}", tone="error" if now > before else "good")


def _latency(row: Row) -> dict[str, Any]:
    now, before = row["now_p95_ns"], row["before_p95_ns"]
    if now is None:
        return cell("–", muted=True)
    change = figures.change(now, before)
    return cell(figures.duration(now) + (f" ({change})" if change else ""))


def _count(n: Any) -> str:
    return f"{'+' if n > 0 else '−' if n < 0 else '±'}{figures.count(abs(n))}"


def _money(usd: Any) -> str:
    return f"{'+' if usd > 0 else '−'}{figures.money(abs(usd))}"
