"""How the calls of the range differ from earlier ones: features by how far they shifted, and one of them in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.charts import quality as charts
from llmtrace_dashboards.components.plain import code
from llmtrace_dashboards.components.table import Column, cell, table
from llmtrace_dashboards.measures.shift import FEWEST, Shift, numbers, values
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import href, page
from llmtrace_dashboards.panels.quality import earlier
from llmtrace_dashboards.queries import quality as queries
from llmtrace_dashboards.queries import traces
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View

NUMBERS = {
    "input_tokens": "Tokens in",
    "output_tokens": "Tokens out",
    "latency": "Latency",
    "ttft": "Time to first token",
    "tokens_per_second": "Tokens a second",
    "cost": "Cost of a call",
}
VALUES = {
    "finish": "Why answers end",
    "response_model": "Model that answered",
    "prompt_version": "Prompt version",
    "feature": "Feature",
    "tool": "Tool",
    "service": "Service",
    "provider": "Provider",
}
_MOST_BINS = 14
_EXAMPLES = 5
_COLUMNS = (
    Column(key="time", label="Started"),
    Column(key="name", label="Span", kind="clip"),
    Column(key="value", label="Value", align="end"),
    Column(key="input", label="Input", kind="clip"),
)


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature with its counts and how far they shifted."""

    word: str
    title: str
    now: Mapping[Any, int]
    before: Mapping[Any, int]
    shift: Shift

    @property
    def is_number(self) -> bool:
        """Bins are steps of a logarithmic scale."""
        return self.word in NUMBERS

    @property
    def grown(self) -> Any:
        """The step whose share of the calls grew most."""
        return max(sorted(self.now, key=str), key=lambda step: self.share(step) - self.share(step, before=True))

    def share(self, step: Any, *, before: bool = False) -> float:
        """Of the calls of the period."""
        counts, every = (self.before, self.shift.before) if before else (self.now, self.shift.now)
        return counts.get(step, 0) / every


def features(rows: Sequence[Mapping[str, Any]]) -> list[Feature]:
    """What `queries.shifted` found, those that shifted most first; what has too few calls is left out."""
    found = []
    for word, title in (NUMBERS | VALUES).items():
        mine = [row for row in rows if row["feature"] == word]
        read: Any = int if word in NUMBERS else str
        now = {read(row["bin"]): int(row["now"]) for row in mine if row["now"]}
        before = {read(row["bin"]): int(row["before"]) for row in mine if row["before"]}
        shift = numbers(now, before) if word in NUMBERS else values(now, before)
        if shift and (word in NUMBERS or len(now.keys() | before.keys()) > 1):
            found.append(Feature(word=word, title=title, now=now, before=before, shift=shift))
    return sorted(found, key=lambda f: (not f.shift.told, -f.shift.size))


def said(feature: Feature) -> str:
    """How far, in words."""
    shift = feature.shift
    if feature.is_number:
        word = "larger" if shift.direction > 0 else "smaller" if shift.direction < 0 else "the same"
        return f"{word}, {shift.size:.2f} ({shift.low:.2f} to {shift.high:.2f})"
    return f"{figures.percent(shift.size)} of calls have another value"


def drift(current: Current) -> None:
    """Features by how far they shifted; the chosen one before and now, with examples."""
    now, before, named = earlier(current)
    found = features(database.rows(queries.shifted(current.view, now, before, current.spans)))
    if not found:
        st.caption(f"There are fewer than {FEWEST} answered calls here or in {named}: too few to compare.")
        return
    left, right = st.columns([2, 3], gap="medium")
    with left:
        told = [f.title for f in found if f.shift.told]
        st.markdown(f":orange[:material/warning: **{', '.join(told[:3])}**] shifted" if told else "**Nothing shifted**")
        rows = [
            {"name": f.title, "said": said(f), "size": f.shift.size, "told": f.shift.told}
            | {"low": f.shift.low, "high": f.shift.high}
            for f in found
        ]
        st.vega_lite_chart(
            charts.dots(rows, current.palette),
            theme=None,
            alt="Features by how far they shifted: " + "; ".join(f"{row['name']} {row['said']}" for row in rows[:5]),
            key="chart_shift",
            width="stretch",
        )
    with right:
        titles = {f.word: f.title for f in found}
        word = st.selectbox("Feature", titles, format_func=titles.__getitem__, key="drift_feature")
        _one(next((f for f in found if f.word == word), found[0]), now, before, current)
    notes = [
        f"against {named}",
        "0: as before, 1: nothing in common; numbers by Cliff's delta, values by total variation",
    ]
    if (looked := queries.sample(current.spans)) > 1:
        notes.append(f"one call in {looked} looked at")
    st.caption(" · ".join(notes))


def _one(feature: Feature, now: Window, before: Window, current: Current) -> None:
    st.vega_lite_chart(
        charts.distribution(bars(feature), current.palette),
        theme=None,
        alt=f"{feature.title}: share of calls by value, before and now",
        key="chart_before_now",
        width="stretch",
    )
    grown = feature.grown
    there = narrowed(replace(current.view, window=now, live=False), feature, grown)
    label = code(_label(feature, grown, whole=True), most=40)
    shares = f"{figures.percent(feature.share(grown))} now, {figures.percent(feature.share(grown, before=True))} before"
    st.markdown(f"Grew most: **{label}**, {shares}")
    if there is None:
        return
    with st.container(horizontal=True, gap="small", key="drift_ways"):
        for name, window in (("Those now", now), ("Those before", before)):
            params = replace(there, window=window, grain="span").params()
            st.page_link(page("traces"), label=name, icon=":material/arrow_forward:", query_params=params)
    rows = database.rows(traces.examples(there, now, _EXAMPLES))
    table(_COLUMNS, [_example(row, feature, there, current) for row in rows], label="Examples", key="examples")


def bars(feature: Feature) -> list[dict[str, Any]]:
    """Shares by step and period: numbers in their order, values the most frequent first, the rest together."""
    every = sorted(
        feature.now.keys() | feature.before.keys(),
        key=lambda step: -feature.now.get(step, 0) - feature.before.get(step, 0),
    )
    shown = every[:_MOST_BINS]
    if feature.is_number:
        shown.sort()
    found = [
        {"bin": _label(feature, step), "period": period, "share": feature.share(step, before=period == "before")}
        for step in shown
        for period in ("before", "now")
    ]
    if len(every) > len(shown):
        for period in ("before", "now"):
            rest = sum(feature.share(step, before=period == "before") for step in every[len(shown) :])
            found.append({"bin": "all others", "period": period, "share": rest})
    return found


def narrowed(view: View, feature: Feature, step: Any) -> View | None:
    """Exactly the calls of a step; None: no filter can say it."""
    view = view.also("is:call is:ok")
    if not feature.is_number:
        return view.only(feature.word, step)
    if step == queries.NOTHING:
        return view.also(f"{feature.word}<=0")
    low, high = (2.0 ** ((step + more) / queries.STEPS) for more in (0, 1))
    return view.also(f"{feature.word}>={low:.9g} {feature.word}<{high:.9g}")


def _label(feature: Feature, step: Any, *, whole: bool = False) -> str:
    """The value; of a step its lower end, or both."""
    if not feature.is_number:
        return str(step)
    if step == queries.NOTHING:
        return _shown(feature.word, 0.0)
    low, high = (_shown(feature.word, 2.0 ** ((step + more) / queries.STEPS)) for more in (0, 1))
    return f"{low} to {high}" if whole else low


def _shown(word: str, value: float) -> str:
    if word in {"latency", "ttft"}:
        return figures.duration(value * 1e9)
    return figures.money(value) if word == "cost" else figures.short(round(value, 1) if value < 10 else round(value))


def _example(row: Mapping[str, Any], feature: Feature, view: View, current: Current) -> dict[str, Any]:
    value = row[feature.word]
    to = href("trace", replace(view, trace_id=row["trace_id"], span=row["span_id"], q=""))
    return {
        "time": figures.clock(int(row["start_ns"]) // 1_000_000, current.zone),
        "name": cell(row["name"] or "(no name)", href=to),
        "value": _shown(feature.word, float(value)) if feature.is_number and value is not None else str(value),
        "input": row["input_preview"],
    }
