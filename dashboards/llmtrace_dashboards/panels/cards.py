"""The six figures on top: each beside what it is compared with, over time, and the way to what is behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from llmtrace_dashboards import figures
from llmtrace_dashboards.panels import compared
from llmtrace_dashboards.panels.compared import Compared, Row, sampled, share
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.panels.navigation import page
from llmtrace_dashboards.queries.quality import FAULTY
from llmtrace_dashboards.queries.sources import Source, source
from llmtrace_dashboards.state.view import View

_TOLD = {
    Source.MINUTES: "whole minutes, from the rollup",
    Source.HOURS: "whole hours, from the rollup; percentiles are estimates, ±4.5%",
}
_NOTHING = "–"
"""In place of a figure."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """One figure."""

    label: str
    value: str
    change: str | None
    """Against what is compared with; None: nothing to compare with."""
    good: Any = "off"
    """Which way is good: `normal` up, `inverse` down, `off` neither."""
    points: Sequence[float] = field(default=())
    """The figure over time."""
    leads: str
    """What the link is called."""
    to: str
    """Its page."""
    view: View


def cards(calls: Compared, quick: Compared, current: Current) -> tuple[Card, ...]:
    """Calls, spend, errors, latency, time to first token, quality."""
    view, pinned = current.view, current.pinned
    now, waits = calls.now.whole or compared.NOTHING, quick.now.whole or {}
    spent = (
        now["cost_usd"] if int(now["unpriced"]) < int(now["calls"]) - int(now["errors"]) or now["cost_usd"] else None
    )
    counts = calls.now.buckets
    quality = page_of_quality()
    return (
        Card(
            label="Calls",
            value=figures.count(int(now["calls"])),
            change=calls.change("calls"),
            points=[float(row["calls"]) for row in counts],
            leads="Traces",
            to="traces",
            view=asking(pinned, "is:call"),
        ),
        Card(
            label="Spend, US$",
            value=figures.money(spent),
            change=calls.change("cost_usd"),
            points=[float(row["cost_usd"] or 0) for row in counts] if spent is not None else (),
            leads="Spend",
            to="spend",
            view=view,
        ),
        Card(
            label="Error rate",
            value=figures.percent(share(calls.now.whole, "errors", "calls")),
            change=_against(calls, "errors", "calls"),
            good="inverse",
            points=[rate for row in counts if (rate := share(row, "errors", "calls")) is not None],
            leads="Failed calls",
            to="traces",
            view=asking(pinned, "is:call status:error"),
        ),
        _time_card("Latency, p95", "p95_ns", quick, waits, view),
        _time_card("First token, p95", "ttft_p95_ns", quick, waits, view),
        Card(
            label="Quality",
            value=_good(calls.now.whole),
            change=_against(calls, "faults", "answers", rest=True),
            good="normal",
            points=[1 - bad for row in calls.now.buckets if (bad := share(row, "faults", "answers")) is not None],
            leads="Quality" if quality else "Answers with faults",
            to="quality" if quality else "traces",
            view=view if quality else asking(pinned, FAULTY),
        ),
    )


def page_of_quality() -> bool:
    """Whether there is a page about it."""
    return "quality" in st.session_state["pages"]


def asking(view: View, more: str) -> View:
    """The view narrowed by `more`, too."""
    return view.also(more)


def _against(found: Compared, part: str, whole: str, *, rest: bool = False) -> str | None:
    pair = [share(period.whole, part, whole) for period in (found.now, found.before)]
    return figures.change(*((1 - one if rest and one is not None else one) for one in pair))


def _good(row: Row | None) -> str:
    bad = share(row, "faults", "answers")
    return figures.percent(1 - bad) if bad is not None else _NOTHING


def _time_card(label: str, key: str, quick: Compared, waits: Row, view: View) -> Card:
    return Card(
        label=label,
        value=figures.duration(waits[key]) if waits.get(key) is not None else _NOTHING,
        change=quick.change(key),
        good="inverse",
        points=[float(row[key]) / 1e9 for row in quick.now.buckets if row[key] is not None],
        leads="Latency",
        to="latency",
        view=view,
    )


def draw(current: Current, only: Sequence[str] = ()) -> None:
    """All of them or those called `only`, and what is to be said of where they come from."""
    calls, quick = compared.calls(current), compared.latencies(current)
    with st.container(horizontal=True, gap="small", key="kpis"):
        for number, card in enumerate(cards(calls, quick, current)):
            if not only or card.label in only:
                _card(card, number, compares=current.view.cmp != "off", links=not only)
    st.caption(" · ".join(notes(calls.now.whole or compared.NOTHING, current)))


def _card(card: Card, number: int, *, compares: bool, links: bool) -> None:
    moved = card.change is not None and not card.change.startswith("±")
    with st.container(border=True, gap=None, key=f"card_{number}"):
        st.metric(
            card.label,
            card.value,
            (card.change or "no earlier figure") if compares and card.value != _NOTHING else None,
            delta_color=card.good if moved else "off",
            delta_arrow="auto" if moved else "off",
            chart_data=list(card.points) if len(card.points) > 1 else None,
            chart_type="line",
        )
        if links:
            to = card.view.params()
            st.page_link(page(card.to), label=card.leads, icon=":material/arrow_forward:", query_params=to)


def notes(now: Row, current: Current) -> list[str]:
    """What the figures leave out, where they come from, and what they are compared with."""
    unpriced = int(now["unpriced"])
    found = source(current.view, current.window, current.spans)
    told = [f"{figures.plural(unpriced, 'call')} without a known price"] if unpriced else []
    told += sampled(int(now["stored"]), int(now["calls"]))
    told += [_TOLD[found]] if found in _TOLD else []
    against = compared.against(current)
    return [*told, f"changes are against {against}" if against else "compared with nothing"]
