"""The panels of one trace: its facts, its waterfall, and one span in full."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.components.plain import code
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.components.transcript import transcript
from llmtrace_dashboards.components.waterfall import drawing, waterfall
from llmtrace_dashboards.panels import span as span_panels
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import go, here, href, page
from llmtrace_dashboards.queries import traces as queries
from llmtrace_dashboards.state.ranges import DAY_MS, Window

Span = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What stays of a trace once it is drawn, to show one span of it after another."""

    trace_id: str
    drawn: str
    starts: Mapping[str, int]
    """Nanoseconds by span id."""
    names: Mapping[str, str]
    fallback: str
    """The span to show where none is asked for."""


def load(current: Current) -> list[dict[str, Any]]:
    """The spans of the view's trace: in the link's range if they are there, else wherever they are."""
    view = current.view
    if view.window:
        window = Window(start_ms=max(view.window.start_ms - DAY_MS, 0), end_ms=view.window.end_ms + DAY_MS)
        if rows := database.rows(queries.outline(view.trace_id, window)):
            return rows
    when = database.rows(queries.when(view.trace_id, current.now_ms))[0]
    if not when["spans"]:
        return []
    return database.rows(queries.outline(view.trace_id, Window(start_ms=when["first_ms"], end_ms=when["last_ms"] + 1)))


def outline(spans: Sequence[Span], trace_id: str) -> Outline:
    """The same without what is drawn already."""
    return Outline(
        trace_id=trace_id,
        drawn=drawing(spans),
        starts={s["span_id"]: int(s["start_ns"]) for s in spans},
        names={s["span_id"]: s["name"] for s in spans},
        fallback=first(spans)["span_id"],
    )


def first(spans: Sequence[Span]) -> Span:
    """The span to show where none is asked for: the first failed call, failed span or call."""
    tests: tuple[Callable[[Span], bool], ...] = (
        lambda s: s["status"] == "ERROR" and bool(s["is_call"]),
        lambda s: s["status"] == "ERROR",
        lambda s: bool(s["is_call"]),
    )
    return next((span for test in tests for span in spans if test(span)), spans[0])


def back(current: Current) -> None:
    """The way back to the list this trace was opened from."""
    listed = replace(current.view, trace_id="", span="")
    st.page_link(page("traces"), label="Traces", icon=":material/arrow_back:", query_params=listed.params())


def facts(spans: Sequence[Span], current: Current) -> None:
    """The figures of the trace as a row of cards and a line of words."""
    calls = [s for s in spans if s["is_call"]]
    start = min(int(s["start_ns"]) for s in spans)
    length = max(int(s["start_ns"]) + int(s["duration_ns"]) for s in spans) - start
    costs = [s["cost_usd"] for s in calls if s["cost_usd"] is not None]
    unpriced = sum(s["cost_usd"] is None and s["status"] != "ERROR" for s in calls)
    errors = sum(s["status"] == "ERROR" for s in spans)
    root = min(spans, key=lambda s: (bool(s["parent_span_id"]), s["start_ns"]))
    st.markdown(f"## {code(root['name'], most=100)}")
    with st.container(horizontal=True, gap="small", key="facts"):
        _fact("Duration", figures.duration(length))
        _fact("Calls / spans", f"{figures.count(len(calls))} / {figures.count(len(spans))}")
        _fact("Tokens in / out", _tokens(calls))
        _fact("Cost, US$", figures.money(sum(costs, Decimal(0)) if costs else None if calls else Decimal(0)))
        _fact("Errors", figures.count(errors))
    user = next((s["user_id"] for s in spans if s["user_id"]), "")
    services = sorted({s["service"] for s in spans if s["service"]})
    words = [figures.clock(start // 1_000_000, current.zone) + f" {current.zone_name}"]
    words += [f"user {code(user)}"] if user else []
    words += [f"service {code(', '.join(services))}"] if services else []
    words += [f"trace {code(current.view.trace_id)}"]
    words += [f"{figures.plural(unpriced, 'call')} without a known price"] if unpriced else []
    if len(spans) >= queries.MOST_SPANS:
        words += [f"only its first {figures.count(queries.MOST_SPANS)} spans: there may be more"]
    st.caption(" · ".join(words))


def _tokens(calls: Sequence[Span]) -> str:
    sums = [[s[key] for s in calls if s[key] is not None] for key in ("input_tokens", "output_tokens")]
    if not any(sums):
        return figures.NOT_REPORTED if calls else "–"
    return " / ".join(figures.short(sum(values)) if values else "–" for values in sums)


def _fact(label: str, value: str) -> None:
    st.metric(label, value, border=True)


def tree(found: Outline) -> str:
    """The waterfall; the span to show, which is the one in the address: what is chosen comes there first."""
    view = here()[0]
    link = href("trace", replace(view, span="")) + "&span="
    opened = waterfall(found.drawn, fallback=found.fallback, link=link, key="waterfall")
    if opened and opened in found.starts and opened != view.span:
        go(replace(view, span=opened))
        return opened
    return view.span if view.span in found.starts else found.fallback


def detail(span_id: str, found: Outline) -> None:
    """One span: its state, where it stands among others, figures, messages and attributes."""
    rows = database.rows(queries.span(found.trace_id, span_id, found.starts[span_id]))
    if not rows:
        st.text("This span is no longer kept.")
        return
    span = rows[0]
    failed = span["status"] == "ERROR"
    st.markdown(f"## {code(span['name'], most=80)}")
    if failed:
        st.markdown(":red[:material/error: **Error**]" + (f" {code(span['error_type'])}" if span["error_type"] else ""))
        if span["status_message"]:
            st.text(span["status_message"])
    span_panels.standing(span)
    parts: dict[str, Callable[[], None]] = {
        "Messages": lambda: _messages(span),
        "Attributes": lambda: _attributes(span),
        "Scores": lambda: span_panels.scores(span, found.names),
        "Cost": lambda: span_panels.cost(span),
        "Events": lambda: _events(span),
        "JSON": lambda: span_panels.raw(span),
    }
    # The tab stays open from span to span, and only what is open is asked for.
    for tab, draw in zip(st.tabs(list(parts), key="span_tabs", on_change="rerun"), parts.values(), strict=True):
        if tab.open:
            with tab:
                draw()


def _messages(span: Span) -> None:
    found = database.rows(queries.content(span["trace_id"], span["span_id"], int(span["start_ns"])))
    if found:
        if not transcript(found[0], key=f"transcript_{span['span_id']}"):
            st.download_button(
                "All of it",
                json.dumps(found[0], ensure_ascii=False, indent=2),
                file_name=f"messages-{span['span_id']}.json",
                mime="application/json",
                icon=":material/download:",
                on_click="ignore",
                key="messages_file",
            )
    elif span["input_preview"] or span["output_preview"]:
        st.caption("The messages are no longer kept or were not captured; these are the first 200 characters.")
        st.text(span["input_preview"])
        st.text(span["output_preview"])
    else:
        st.caption("No messages were captured for this span. Capturing is off unless the application turns it on.")


_LONGEST = 2_000
"""Characters of an attribute that are shown; the tab JSON has more."""

_PAIRS = (Column(key="name", label="Name"), Column(key="value", label="Value", kind="wrap"))


def _attributes(span: Span) -> None:
    known = {
        "duration": figures.duration(span["duration_ns"]),
        "time to first token": figures.duration(span["time_to_first_token_ns"]) if span["stream"] else "",
        "model asked for": span["request_model"],
        "model that answered": span["response_model"],
        "provider": span["provider"],
        "operation": span["operation"],
        "tokens in": _reported(span, "input_tokens"),
        "of which cached": _reported(span, "cached_input_tokens", quiet=True),
        "tokens out": _reported(span, "output_tokens"),
        "of which reasoning": _reported(span, "reasoning_output_tokens", quiet=True),
        "cost": figures.money(span["cost_usd"]) if span["is_call"] else "",
        "finish reasons": ", ".join(span["finish_reasons"]),
        "user": span["user_id"],
        "session": span["session_id"],
        "service": span["service"],
        "environment": span["environment"],
        "kind": span["kind"],
        "span id": span["span_id"],
    }
    rows = [{"name": cell(name, muted=True), "value": value} for name, value in known.items() if value]
    given = sorted(span["attributes"].items()) + sorted(span["resource_attributes"].items())
    rows += [{"name": name, "value": _cut(value)} for name, value in given]
    table(_PAIRS, rows, label="Attributes", key=f"attributes_{span['span_id']}", longest=2 * _LONGEST)


def _cut(value: str) -> str:
    missing = len(value) - _LONGEST
    return value if missing <= 0 else f"{value[:_LONGEST]} … {missing:,} more characters"


def _reported(span: Span, key: str, *, quiet: bool = False) -> str:
    if not span["is_call"] or (quiet and span[key] is None):
        return ""
    return figures.count(span[key])


def _events(span: Span) -> None:
    if not span["event_names"]:
        st.caption("This span has no events.")
        return
    rows = [
        {
            "name": f"+{figures.duration(int(at) - int(span['start_ns']))}  {name}",
            "value": "\n".join(f"{k} = {_cut(v)}" for k, v in attributes.items()),
        }
        for at, name, attributes in zip(span["event_ns"], span["event_names"], span["event_attributes"], strict=True)
    ]
    table(_PAIRS, rows, label="Events", key=f"events_{span['span_id']}", longest=2 * _LONGEST)
