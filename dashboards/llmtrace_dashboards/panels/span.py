"""Tabs of one span: what was said of it, what it cost and why, and all of it as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from llmtrace import semconv
from llmtrace_dashboards import database, figures
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.components.transcript import document
from llmtrace_dashboards.panels.navigation import here, page
from llmtrace_dashboards.queries import traces as queries
from llmtrace_dashboards.state.view import View

Span = Mapping[str, Any]

_FEWEST = 20
"""Others, to say where a span stands among them."""

_ALIKE = 0.1
"""How far a duration may be off, to be about the same."""

_PAIRS = (Column(key="name", label="Name"), Column(key="value", label="Value", kind="wrap"))
_LONGEST = 4_000
"""Characters of what somebody said of an answer."""
_SCORES = (
    Column(key="what", label="Score"),
    Column(key="value", label="Value", align="end"),
    Column(key="of", label="Of", kind="clip"),
    Column(key="told", label="Why", kind="wrap"),
)


def standing(span: Span) -> None:
    """Where the span stands among those like it in the hours around it, and the way to its nearest."""
    if span["status"] == "ERROR":
        return
    rank = database.rows(queries.rank(span))[0]
    if said := ranked(rank):
        st.caption(said)
        st.page_link(
            page("traces"),
            label="Those as fast or slow as it",
            icon=":material/arrow_forward:",
            query_params=alike(span, here()[0]).params(),
        )


def ranked(rank: Mapping[str, Any]) -> str:
    """`slower than 93% and dearer than 88% of 1,204 like it`; empty where there are too few to compare with."""
    others, priced = int(rank["spans"]) - 1, int(rank["priced"]) - 1
    if others < _FEWEST:
        return ""
    told = f"Slower than {figures.percent(int(rank['faster']) / others)}"
    if priced >= _FEWEST and rank["cheaper"]:
        told += f" and dearer than {figures.percent(int(rank['cheaper']) / priced)}"
    return f"{told} of the {figures.count(others)} of its name and model in the hour before and after."


def alike(span: Span, view: View) -> View:
    """The spans of its name and model in the hours around it that took about as long."""
    seconds = int(span["duration_ns"]) / 1e9
    about = f"latency>={seconds * (1 - _ALIKE):.6g} latency<={seconds * (1 + _ALIKE):.6g}"
    view = View(project=span["project"], tz=view.tz, grain="span", window=queries.around(span)).also(about)
    for word in ("name", "model"):
        view = (view.only(word, span[word]) if span[word] else None) or view
    return view


def scores(span: Span, names: Mapping[str, str]) -> None:
    """What evaluators and people said of the trace; what is about this span first."""
    rows = database.rows(queries.scores(span["trace_id"], int(span["start_ns"])))
    if not rows:
        st.caption("Nobody has judged this trace: no evaluation and no feedback is stored for it.")
        return
    rows.sort(key=lambda row: row["span_id"] != span["span_id"])
    shown = [
        {
            "what": row["what"] if row["source"] == "evaluation" else f"{row['what']} (feedback)",
            "value": " ".join(filter(None, [_number(row["value"]), row["verdict"]])) or cell("–", muted=True),
            "of": "this span" if row["span_id"] == span["span_id"] else names.get(row["span_id"], "the trace"),
            "told": row["told"],
        }
        for row in rows
    ]
    table(_SCORES, shown, label="Scores", key=f"scores_{span['span_id']}", longest=_LONGEST)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def cost(span: Span) -> None:
    """Where the cost of a call comes from: tokens, unit prices, tier, price list, and what was found out later."""
    if not span["is_call"]:
        st.caption("Only calls to a model provider have a cost.")
        return
    given = span["attributes"]
    pairs = {
        "cost": figures.money(span["cost_usd"]),
        "why it has none": given.get(semconv.COST_UNPRICED_REASON, ""),
        "price list": given.get(semconv.COST_PRICE_VERSION, ""),
        "row of the price list": given.get(semconv.COST_PRICE_MODEL, ""),
        "tier": given.get(semconv.COST_TIER, ""),
        "tokens in": figures.count(span["input_tokens"]),
        "of which cached": figures.count(span["cached_input_tokens"]) if span["cached_input_tokens"] else "",
        "tokens out": figures.count(span["output_tokens"]),
    }
    pairs |= {
        f"unit price, {kind}": f"${given[name]}" for kind, name in semconv.COST_UNIT_PRICES.items() if given.get(name)
    }
    for change in database.rows(queries.changes(span["trace_id"], span["span_id"], int(span["start_ns"]))):
        when = f"changed {change['changed_at']:%Y-%m-%d %H:%M} UTC"
        pairs[when] = f"{figures.money(change['old_cost_usd'])} → {figures.money(change['new_cost_usd'])}"
    rows = [{"name": cell(name, muted=True), "value": value} for name, value in pairs.items() if value]
    table(_PAIRS, rows, label="Cost", key=f"cost_{span['span_id']}")


def raw(span: Span) -> None:
    """All that is stored of the span but its messages, as JSON."""
    text = json.dumps(dict(span), ensure_ascii=False, indent=2, default=str)
    if not document("Span", text, key=f"raw_{span['span_id']}"):
        st.download_button(
            "All of it",
            text,
            file_name=f"span-{span['span_id']}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            key="span_file",
        )
