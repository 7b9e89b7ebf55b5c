"""The tables of a report: each names its rows and columns, and is left out where it has nothing to tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from llmtrace_dashboards import figures
from llmtrace_dashboards.panels.compared import NOTHING as NO_CALLS
from llmtrace_dashboards.panels.compared import Row
from llmtrace_dashboards.queries.spend import REST
from llmtrace_dashboards.report import told
from llmtrace_dashboards.report.cards import NOTHING
from llmtrace_dashboards.report.links import Link
from llmtrace_dashboards.report.markup import Child, Html, name, tag
from llmtrace_dashboards.report.summary import Day, Fired, Part, Summary

_LISTED = 10
_MOVERS = 6
_WHAT = {"model": "Model", "prompt_version": "Prompt version", "response_model": "Model behind a name"}


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Child]], *, words: int = 1) -> Html:
    """A table whose first column names the row; the first `words` columns are words, the others figures."""
    looks = [None if at < words else "figure" for at in range(len(heads))]
    lines = []
    for row in rows:
        first, *rest = row
        cells = (tag("td", cell, class_=look) for cell, look in zip(rest, looks[1:], strict=True))
        lines.append(tag("tr", tag("th", first, scope="row"), *cells))
    top = tag("tr", *(tag("th", one, scope="col", class_=look) for one, look in zip(heads, looks, strict=True)))
    made = tag("table", tag("caption", caption), tag("thead", top), tag("tbody", *lines))
    return tag("div", made, class_="wide", role="region", tabindex=0, aria_label=caption)


def by_day(summary: Summary, link: Link) -> Html | None:
    """Each day of the period."""

    def line(day: Day) -> Sequence[Child]:
        view = replace(summary.view, window=day.window)
        row, waits = day.calls or NO_CALLS, day.waits or {}
        return (
            f"{day.day:%a %-d %b}",
            link("traces", view.asking("is:call"), figures.count(int(row["calls"]))),
            link("traces", view.asking("is:call status:error"), figures.count(int(row["errors"]))),
            link("spend", view, figures.money(told.paid(row)) if row["calls"] else NOTHING),
            figures.duration(waits["p50_ns"]) if waits else NOTHING,
            figures.duration(waits["p95_ns"]) if waits else NOTHING,
        )

    heads = ("Day", "Calls", "Failed", "Spend, US$", "Latency p50", "Latency p95")
    return table("Calls and spend of each day", heads, map(line, summary.by_day)) if summary.by_day else None


def moved(summary: Summary, link: Link, of: str) -> Html | None:
    """What has most of the change in spend (`usd`) or in calls."""
    key, now, before = {
        "usd": ("more_usd", "usd", "usd_before"),
        "calls": ("more_calls", "calls", "calls_before"),
    }[of]
    found = told.movers(summary, of)[:_MOVERS]
    every = told.total(summary.parts["model"], key)

    def shown(value: Any) -> str:
        return figures.money(value or 0) if of == "usd" else figures.count(float(value))

    def line(by: str, part: Part) -> Sequence[Child]:
        more = getattr(part, key)
        return (
            link("traces", summary.view.only(by, part.value), name(part.value or told.UNNAMED)),
            by,
            shown(getattr(part, before)),
            shown(getattr(part, now)),
            f"{'+' if more > 0 else '−'}{shown(abs(more))}",
            figures.percent(float(more) / every) if every else NOTHING,
        )

    if not found or summary.calls.before.whole is None:
        return None
    heads = ("What", "Kind", "Before", "Now", "Change", "Of the whole change")
    caption = f"By change of {'spend' if of == 'usd' else 'calls'} against {summary.days.against}"
    return table(caption, heads, (line(*one) for one in found), words=2)


def spent(summary: Summary, by: str, link: Link) -> Html | None:
    """The dearest values of what spend is split by, and all others together."""
    parts = summary.parts[by]
    if not parts or {part.value for part in parts} == {""}:
        return None  # of one that nobody named there is nothing to see
    shown = [part for part in parts if part.value != REST and (part.calls or part.usd)][:_LISTED]
    every = told.total(parts, "usd")
    rest = [part for part in parts if part not in shown]
    lines = [_part_line(part, every, link("traces", summary.view.only(by, part.value), _named(part))) for part in shown]
    if any(part.calls or part.usd for part in rest):
        lines.append(_part_line(_added(rest), every, REST))
    heads = (by.capitalize(), "Spend", "Share", "Before", "Change", "Calls", "A call", "No known price")
    return table(f"Spend by {by}, dearest first", heads, lines)


def _named(part: Part) -> Html:
    return name(part.value or told.UNNAMED)


def _added(parts: Sequence[Part]) -> Part:
    dollars = [[getattr(part, key) for part in parts] for key in ("usd", "usd_before")]
    usd, usd_before = (sum(one for one in each if one is not None) if any(each) else None for each in dollars)
    return Part(
        value=REST,
        usd=usd,
        usd_before=usd_before,
        calls=sum(part.calls for part in parts),
        calls_before=sum(part.calls_before for part in parts),
        unpriced=sum(part.unpriced for part in parts),
    )


def _part_line(part: Part, every: float, shown: Child) -> Sequence[Child]:
    usd, priced = float(part.usd or 0), part.calls - part.unpriced
    return (
        shown,
        figures.money(part.usd),
        figures.percent(usd / every) if every else NOTHING,
        figures.money(part.usd_before) if part.usd_before is not None else NOTHING,
        figures.change(usd, float(part.usd_before or 0)) or NOTHING,
        figures.count(part.calls),
        figures.money(usd / priced) if priced > 0 and usd else NOTHING,
        figures.count(part.unpriced),
    )


def errors(summary: Summary, link: Link) -> Html | None:
    """Types of errors, most calls first."""
    failed = sum(now for _, now, _ in summary.errors)

    def line(kind: str, now: int, before: int) -> Sequence[Child]:
        view = summary.view.asking("is:call status:error")
        return (
            link("traces", view.only("error", kind) if kind else view, name(kind or told.UNNAMED)),
            figures.count(now),
            figures.percent(now / failed) if failed else NOTHING,
            figures.count(before),
            figures.change(now, before) or NOTHING,
        )

    heads = ("Type", "Failed calls", "Share", "Before", "Change")
    lines = (line(*one) for one in summary.errors[:_LISTED])
    return table("Failed calls by type, most first", heads, lines) if summary.errors else None


def alerts(summary: Summary, link: Link) -> Html | None:
    """Rules that fired."""

    def line(fired: Fired) -> Sequence[Child]:
        of = ", ".join(f"{key} {value or '(none)'}" for key, value in sorted(fired.longest_for.items()))
        return (
            link("alerts", replace(summary.view, alert=fired.event_id), name(fired.rule)),
            figures.count(fired.times),
            figures.count(fired.groups),
            figures.duration(fired.longest_ms * 1e6),
            name(of) if of else NOTHING,
            figures.plural(fired.still, "alert") if fired.still else "no",
        )

    heads = ("Rule", "Times", "Groups", "Longest", "Longest for", "Firing at the end")
    lines = (line(fired) for fired in summary.fired[: 2 * _LISTED])
    return table("Rules that fired", heads, lines) if summary.fired else None


def changes(summary: Summary) -> Html | None:
    """Models and versions that came or went."""

    def line(row: Row) -> Sequence[Child]:
        came, zone = bool(row["now"]), summary.days.zone
        at = figures.clock(int(row["first_ms" if came else "last_ms"]), zone, seconds=False)
        return (
            name(row["value"]),
            _WHAT[row["what"]],
            f"new since {at}" if came else f"last seen {at}",
            figures.count(int(row["now"])),
            figures.count(int(row["before"])),
        )

    heads = ("What", "Kind", "When", "Calls", "Calls before")
    caption = f"In these days or in {summary.days.against}, but not in both"
    return table(caption, heads, map(line, summary.changes), words=3) if summary.changes else None
