"""What sets the calls of a box apart from the others of the range: attribute values, with share and certainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from llmtrace.shares import FALSE_CLAIMS, Finding, Share, Totals, explain
from llmtrace_dashboards import database, figures
from llmtrace_dashboards.components.plain import code
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import go, here, href, page
from llmtrace_dashboards.queries import latency as queries
from llmtrace_dashboards.queries.query import Query
from llmtrace_dashboards.state.box import Box
from llmtrace_dashboards.state.view import View

_ATTRIBUTES = 22
"""That are looked at: those of `standing_out.sql`."""
_ANSWERED = frozenset({"error"})
"""What only failed calls have."""
_SHOWN = 8
_LEAST = 20
"""Calls of a box, to say anything of it."""

_COLUMNS = (
    Column(key="what", label="Attribute"),
    Column(key="value", label="Value", kind="clip"),
    Column(key="share", label="Of these calls", align="end", kind="bar"),
    Column(key="rest", label="Of the others", align="end", kind="bar"),
    Column(key="more", label="Difference", align="end"),
    Column(key="calls", label="Calls", align="end"),
    Column(key="p", label="By chance", align="end"),
)


def findings(counts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """What sets the box apart, most telling first, of the rows of `in_the_box` and `standing_out`."""
    met, rest = int(counts["met_now"]), int(counts["rest_now"])
    totals = Totals(met=met, rest=rest, met_before=0, calls=met + rest, calls_before=0)
    shares = [
        Share(
            attribute=row["attribute"],
            value=row["value"],
            met=int(row["met_now"]),
            rest=int(row["rest_now"]),
            met_before=0,
            candidates=int(row["candidates"]),
        )
        for row in rows
    ]
    return explain(shares, totals, attributes=_ATTRIBUTES)


def sentence(found: Sequence[Finding], calls: int, others: int) -> str:
    """The first finding in words, as Markdown with hostile values as code."""
    if calls < _LEAST:
        return f"There are only {figures.plural(calls, 'call')} in the box: too few to tell what sets them apart."
    if not found:
        return (
            f"Nothing stands out: no attribute sets these {figures.plural(calls, 'call')} apart from the other"
            f" {figures.count(others)}."
        )
    first = found[0]
    named = f"{first.attribute.replace('_', ' ')} {code(first.value, most=80)}"
    also = "".join(f" and {a.replace('_', ' ')} {code(v, most=40)}" for a, v in first.also[:2])
    return (
        f"**{figures.percent(first.share)}** of these {figures.plural(calls, 'call')} have {named}{also},"
        f" and {figures.percent(first.compared)} of the other {figures.count(others)}."
    )


def ahead(current: Current, drawn: Box) -> None:
    """Has what is in the box, and what sets it apart, asked by the side."""
    for name, query in _asked(current, drawn).items():
        current.ahead(name, partial(database.rows, query))


def _asked(current: Current, drawn: Box) -> dict[str, Query]:
    given = (current.view, current.window, drawn, current.spans)
    return {"in_the_box": queries.in_the_box(*given), "standing_out": queries.standing_out(*given)}


def box(current: Current, drawn: Box) -> None:
    """The sentence, the values behind it, and where to go from here."""
    asked = {name: partial(database.rows, query) for name, query in _asked(current, drawn).items()}
    counts = current.once("in_the_box", asked["in_the_box"])[0]
    calls, others = int(counts["calls"]), int(counts["every"]) - int(counts["calls"])
    rows = current.once("standing_out", asked["standing_out"]) if calls >= _LEAST else []
    found = findings(counts, rows) if rows else []
    st.markdown(sentence(found, calls, others))
    if found:
        shown = [_row(one, current, drawn) for one in found[:_SHOWN]]
        table(_COLUMNS, shown, label="What stands out", key="standing_out")
    _ways(current, drawn, found)
    notes = [
        f"the box against all other calls of the range, exact two-sample test, {FALSE_CLAIMS:.0%} false claims at most",
    ]
    if int(counts["met_now"]) < calls:
        notes.append(
            f"looked at {figures.plural(int(counts['met_now']) + int(counts['rest_now']), 'call')}, drawn by hash"
        )
    st.caption(" · ".join(notes))


def _row(one: Finding, current: Current, drawn: Box) -> dict[str, Any]:
    to = current.view.only(one.attribute, one.value)
    return {
        "what": one.attribute.replace("_", " "),
        "value": cell(one.value, href=href("traces", _inside(to, drawn)) if to else ""),
        "share": cell(figures.percent(one.share), size=one.share),
        "rest": cell(figures.percent(one.compared), size=one.compared),
        "more": f"+{figures.percent(one.effect)}",
        "calls": figures.count(one.calls),
        "p": "< 0.0001" if one.p_value < 1e-4 else f"{one.p_value:.2g}",
    }


def _ways(current: Current, drawn: Box, found: Sequence[Finding]) -> None:
    with st.container(horizontal=True, gap="small", key="ways"):
        inside = _inside(current.view, drawn).params()
        st.page_link(page("traces"), label="These calls", icon=":material/arrow_forward:", query_params=inside)
        kept = replace(current.view, window=current.window)
        if found:
            for label, negated, icon in (("Keep only", False, "filter_alt"), ("Exclude", True, "filter_alt_off")):
                to = kept.only(found[0].attribute, found[0].value, negated=negated)
                named = f"{label} {code(found[0].value, most=30)}"
                if to and st.button(named, icon=f":material/{icon}:", key=f"explain_{label}"):
                    _go(to)
        if st.button("Clear the box", icon=":material/close:", key="clear_box", type="tertiary"):
            _go(replace(here()[0], sel=""))


def _go(view: View) -> None:
    """Goes there with all of the page, not with this panel alone."""
    go(view)
    st.rerun()


def _inside(view: View, drawn: Box) -> View:
    """Exactly the calls of the box."""
    return replace(view.also(drawn.terms), window=drawn.window, sel="", live=False)
