"""The panels of Quality & drift: signs of quality within their limits, judgements, and how calls shifted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import streamlit as st

from llmtrace_dashboards import database, figures
from llmtrace_dashboards.charts import quality as charts
from llmtrace_dashboards.components.plain import code
from llmtrace_dashboards.measures.control import SIGMAS, band, baseline
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.empty import empty
from llmtrace_dashboards.panels.navigation import page
from llmtrace_dashboards.queries import quality as queries
from llmtrace_dashboards.queries.sources import RAW_UP_TO
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sign:
    """What can be wrong with an answer."""

    key: str
    title: str
    terms: str
    """The filter that has the calls; empty: a mean, of no calls in particular."""
    none: str
    """What is to be done so that it is told."""


SIGNS = (
    Sign(key="refused", title="Refused", terms="is:refused", none="refusals"),
    Sign(key="truncated", title="Cut at the token limit", terms="is:truncated", none="cut answers"),
    Sign(key="empty", title="Empty", terms="is:empty", none="empty answers"),
    Sign(key="invalid_json", title="Not the JSON asked for", terms="is:invalid_json", none="JSON"),
    Sign(key="invalid_schema", title="Not by the schema", terms="is:invalid_schema", none="schemas"),
    Sign(key="invalid_tool_call", title="Wrong tool arguments", terms="is:invalid_tool_call", none="tool calls"),
    Sign(key="unlikely", title="Unlikely tokens", terms="unlikely_share>0", none="probabilities of tokens"),
)


def earlier(current: Current) -> tuple[Window, Window, str]:
    """The window, the one to compare it with, and how that one is called; without one, the two halves of the range."""
    if before := current.view.compared(current.window):
        week = current.view.cmp == "week"
        return current.window, before, "the same time a week before" if week else _length(before) + " before"
    start, end = current.window.start_ms, current.window.end_ms
    middle = (start + end) // 2
    return (
        Window(start_ms=middle, end_ms=end),
        Window(start_ms=start, end_ms=middle),
        "the first half of the range",
    )


def _length(window: Window) -> str:
    return f"the {figures.duration(window.length_ms * 1e6)}"


def signs(current: Current) -> None:
    """Small charts, one for each sign that calls of the range tell."""
    window = queries.charted(current.window)
    before = queries.charted(current.view.compared(window) or window.before)
    now = database.rows(queries.series(current.view, window))
    if not now:
        empty(current)
        return
    then = database.rows(queries.series(current.view, before))
    new = _new(current)
    shown = [sign for sign in SIGNS if any(int(row[f"{sign.key}_told"]) for row in now)]
    for first in range(0, len(shown), 3):
        for column, sign in zip(st.columns(3), shown[first : first + 3], strict=False):
            with column:
                _sign(sign, now, then, new, replace(current, window=window))
    missing = [sign.none for sign in SIGNS if sign not in shown]
    notes = [f"band: where {_length(before)} before would have it, {SIGMAS:.0f} sigma; ◆ lies outside"]
    notes += [f"not told by these calls: {', '.join(missing)}"] if missing else []
    st.caption(" · ".join(notes))
    if new:
        named = " · ".join(f"{code(mark['name'])} from {figures.clock(mark['first_ms'], current.zone)}" for mark in new)
        st.caption(f"New in this range, and dashed in the charts: {named}")


def points(key: str, now: Sequence[Row], then: Sequence[Row]) -> list[dict[str, Any]]:
    """Per bucket with calls: the share, the limits it would lie within, and whether it does not."""
    known = baseline([float(row[f"{key}_met"]) for row in then], [int(row[f"{key}_told"]) for row in then])
    found = []
    for row in now:
        told = int(row[f"{key}_told"])
        if not told:
            continue
        value = float(row[f"{key}_met"]) / told
        low, high = band(known, told) if known else (value, value)
        expected = f"{figures.percent(low)} to {figures.percent(high)}" if known else "nothing to compare with"
        found.append(
            {
                "bucket_ms": row["bucket_ms"],
                "value": value,
                "low": low,
                "high": high,
                "outside": not low <= value <= high,
                "told": f"{figures.percent(value)} of {figures.count(told)}",
                "expected": expected,
            }
        )
    return found


def _sign(sign: Sign, now: Sequence[Row], then: Sequence[Row], new: Sequence[Row], current: Current) -> None:
    found = points(sign.key, now, then)
    met, told = (sum(float(row[f"{sign.key}_{what}"]) for row in now) for what in ("met", "told"))
    share, out = met / told, sum(point["outside"] for point in found)
    told_before = sum(float(row[f"{sign.key}_told"]) for row in then)
    was = sum(float(row[f"{sign.key}_met"]) for row in then) / told_before if told_before else None
    st.markdown(f"### {sign.title}")
    against = "" if was is None else f", {figures.percent(was)} before"
    outside = f" · :orange[:material/warning: {figures.plural(out, 'time')} outside]" if out else ""
    st.markdown(f"**{figures.percent(share)}** of {figures.count(told)} answers{against}{outside}")
    st.vega_lite_chart(
        charts.control(found, new, current.window, current.zone, current.palette, share=True),
        theme=None,
        alt=f"{sign.title}: share of answers over time, with the band it would lie in",
        key=f"chart_{sign.key}",
        width="stretch",
    )
    to = current.pinned.also(f"{sign.terms} is:call")
    st.page_link(page("traces"), label="These answers", icon=":material/arrow_forward:", query_params=_spans(to))


def _spans(view: View) -> dict[str, list[str]]:
    return view.params() | {"grain": ["span"]}


def _new(current: Current) -> list[dict[str, Any]]:
    """Versions, models and backends that came up in the range, if there were calls before it at all."""
    words = {"prompt_version": "prompt", "response_model": "model", "fingerprint": "backend"}
    before = current.view.compared(current.window) or current.window.before
    if not database.rows(queries.series(current.view, before)):
        return []
    rows = database.rows(queries.firsts(current.view, current.window, before))
    return [{"first_ms": int(row["first_ms"]), "name": f"{words[row['what']]} {row['value']}"} for row in rows]


def verdicts(current: Current) -> None:
    """What guardrails and moderation said of calls, as a line of words: their page comes with them."""
    if (current.spans or 0) > RAW_UP_TO:
        st.caption(f"Beyond {figures.count(RAW_UP_TO)} spans verdicts are not read here: pick a shorter range.")
        return
    rows = database.rows(queries.verdicts(current.view, current.window))
    if not rows:
        st.caption("No guardrail or moderation has judged a call of this range.")
        return
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["what"]] = counts.get(row["what"], 0) + int(row["calls"])
    for what, calls in sorted(counts.items(), key=lambda item: -item[1])[:6]:
        to = current.pinned.only("guard", what) or current.pinned
        label = f"{code(what)} {figures.plural(calls, 'call')}"
        st.page_link(page("traces"), label=label, icon=":material/shield:", query_params=_spans(to))


def judgements(current: Current) -> None:
    """Evaluations and feedback by name: the mean over time, with the band of the period before."""
    current = replace(current, window=queries.charted(current.window))
    before = queries.charted(current.view.compared(current.window) or current.window.before)
    now, then = (database.rows(queries.judged(current.view, window)) for window in (current.window, before))
    names = sorted({(row["source"], row["what"]) for row in now}, key=lambda key: -_given(now, key))[:6]
    if not names:
        st.caption("Nobody has judged an answer of this range: no evaluation and no feedback is stored.")
        return
    for first in range(0, len(names), 3):
        for column, key in zip(st.columns(3), names[first : first + 3], strict=False):
            with column:
                _judgement(key, now, then, current)
    st.caption("Means of what was given; words such as pass and up count 1, fail and down 0.")


def _given(rows: Sequence[Row], key: tuple[str, str]) -> int:
    return sum(int(row["given"]) for row in rows if (row["source"], row["what"]) == key)


def _judgement(key: tuple[str, str], now: Sequence[Row], then: Sequence[Row], current: Current) -> None:
    of_now, of_then = ([row for row in rows if (row["source"], row["what"]) == key] for rows in (now, then))
    mean, was = _mean(of_now), _mean(of_then)
    spread = _deviation(of_then, was)
    found = []
    for row in of_now:
        given = int(row["given"])
        reach = SIGMAS * spread / sqrt(given) if spread is not None else None
        low, high = (was - reach, was + reach) if was is not None and reach is not None else (row["mean"], row["mean"])
        found.append(
            {
                "bucket_ms": row["bucket_ms"],
                "value": row["mean"],
                "low": low,
                "high": high,
                "outside": not low <= row["mean"] <= high,
                "told": f"{row['mean']:.3g} of {figures.count(given)}",
                "expected": f"{low:.3g} to {high:.3g}" if reach is not None else "nothing to compare with",
            }
        )
    source, what = key
    st.markdown(f"### {code(what or '(no name)')}" + (", feedback" if source == "feedback" else ""))
    against = "" if was is None else f", {was:.3g} before"
    st.markdown(f"**{mean or 0:.3g}** of {figures.count(_given(of_now, key))}{against}")
    st.vega_lite_chart(
        charts.control(found, (), current.window, current.zone, current.palette, share=False),
        theme=None,
        alt=f"{what}: mean over time, with the band it would lie in",
        key=f"chart_judged_{source}_{what}",
        width="stretch",
    )


def _mean(rows: Sequence[Row]) -> float | None:
    given = sum(int(row["given"]) for row in rows)
    return sum(row["mean"] * int(row["given"]) for row in rows) / given if given else None


def _deviation(rows: Sequence[Row], mean: float | None) -> float | None:
    """The standard deviation of all, from those of the buckets and how far their means lie apart."""
    given = sum(int(row["given"]) for row in rows)
    if mean is None or given < 2:
        return None
    squares = 0.0
    for row in rows:
        within = row["deviation"] if row["deviation"] is not None and row["deviation"] == row["deviation"] else 0.0
        squares += (int(row["given"]) - 1) * within**2 + int(row["given"]) * (row["mean"] - mean) ** 2
    return sqrt(squares / (given - 1))
