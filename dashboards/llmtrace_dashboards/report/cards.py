"""The six figures on top: each with what it was, and the way to what is behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmtrace_dashboards import figures
from llmtrace_dashboards.measures import control
from llmtrace_dashboards.panels.compared import share
from llmtrace_dashboards.queries.quality import FAULTY
from llmtrace_dashboards.report import told
from llmtrace_dashboards.report.links import Link
from llmtrace_dashboards.report.markup import Html, tag
from llmtrace_dashboards.report.summary import Summary
from llmtrace_dashboards.state.view import View

NOTHING = "–"
"""In place of a figure."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One of them."""

    label: str
    now: float | None
    """None: there is nothing to tell of."""
    before: float | None
    shown: Callable[[Any], str]
    good: int = 0
    """1: more is better, -1: less is, 0: neither."""
    matters: bool = False
    """The change is not chance, or too small to speak of."""
    to: str
    view: View


def six(summary: Summary) -> tuple[Figure, ...]:
    """Calls, spend, errors, latency, time to first token, quality."""
    view = summary.view
    rows = (summary.calls.now.whole, summary.calls.before.whole)
    calls, spent = ([of(row) if row else None for row in rows] for of in (lambda row: float(row["calls"]), told.paid))
    failed, bad = ([share(row, *of) for row in rows] for of in (("errors", "calls"), ("faults", "answers")))
    good = [None if one is None else 1 - one for one in bad]
    p95, first = (_waits(summary, key) for key in ("p95_ns", "ttft_p95_ns"))
    tenth = [_by_a_tenth(pair) for pair in (p95, first)]
    every, errors = view.asking("is:call"), view.asking("is:call status:error")
    return (
        _figure("Calls", calls, figures.count, to="traces", view=every),
        _figure("Spend, US$", spent, figures.money, to="spend", view=view),
        _figure(
            "Error rate",
            failed,
            figures.percent,
            to="traces",
            view=errors,
            good=-1,
            matters=_certain(summary, "errors", "calls"),
        ),
        _figure("Latency, p95", p95, figures.duration, to="latency", view=view, good=-1, matters=tenth[0]),
        _figure("First token, p95", first, figures.duration, to="latency", view=view, good=-1, matters=tenth[1]),
        _figure(
            "Quality",
            good,
            figures.percent,
            to="traces",
            view=view.asking(FAULTY),
            good=1,
            matters=_certain(summary, "faults", "answers"),
        ),
    )


def _figure(label: str, pair: list[float | None], shown: Callable[[Any], str], **more: Any) -> Figure:
    return Figure(label=label, now=pair[0], before=pair[1], shown=shown, **more)


def _waits(summary: Summary, key: str) -> list[float | None]:
    rows = (summary.waits.now.whole, summary.waits.before.whole)
    return [float(row[key]) if row and row[key] is not None else None for row in rows]


def _by_a_tenth(pair: list[float | None]) -> bool:
    now, before = pair
    return bool(now is not None and before and abs(now - before) >= before / 10)


def _certain(summary: Summary, part: str, whole: str) -> bool:
    """Whether a share lies beyond what chance would have made of that of before."""
    now, rows = summary.calls.now.whole, [row for row in summary.calls.before.buckets if row[whole]]
    known = control.baseline([float(row[part]) for row in rows], [int(row[whole]) for row in rows])
    if known is None or not now or not now[whole]:
        return False
    ours, theirs = float(now[whole]), sum(float(row[whole]) for row in rows)
    low, high = control.band(known, round(ours * theirs / (ours + theirs)))  # both are samples
    return not low <= float(now[part]) / ours <= high


def drawn(summary: Summary, link: Link) -> Html:
    """All of them."""
    return tag("ul", *(_card(one, link) for one in six(summary)), class_="figures")


def _card(figure: Figure, link: Link) -> Html:
    value = NOTHING if figure.now is None else figure.shown(figure.now)
    label, shown = tag("span", figure.label, class_="label"), link(figure.to, figure.view, value)
    return tag("li", label, tag("span", shown, class_="value"), _change(figure))


def _change(figure: Figure) -> Html:
    if figure.now is None or figure.before is None:
        return tag("span", "not told" if figure.now is None else "no earlier figure", class_="delta")
    was, change = figure.shown(figure.before), figures.change(figure.now, figure.before)
    way = (figure.now > figure.before) - (figure.now < figure.before)
    if change is None or change.startswith("±"):
        return tag("span", f"{change or ''} from {was}".strip(), class_="delta")
    better = figure.good * way if figure.matters else 0
    word, look = {1: (", better", "delta good"), -1: (", worse", "delta bad"), 0: ("", "delta")}[better]
    return tag("span", f"{'▲' if way > 0 else '▼'} {change} from {was}{word}", class_=look)
