"""What a report asks of the store, by the queries of the app: a summary, or a sentence for what took too long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from llmtrace_dashboards import database
from llmtrace_dashboards.measures.firing import periods
from llmtrace_dashboards.measures.month import Month, month_of
from llmtrace_dashboards.panels.compared import Compared, Row, calls_of, latencies_of
from llmtrace_dashboards.queries import alerts, latency, quality, sources, spend, surroundings
from llmtrace_dashboards.queries.calls import charted
from llmtrace_dashboards.queries.sources import Source, percentiles, source
from llmtrace_dashboards.report.days import Days
from llmtrace_dashboards.report.summary import Day, Fired, Part, Summary
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View

T = TypeVar("T")
SPLITS = ("model", "feature", "user")
"""What spend is listed by."""
_STACKED = 5
"""Models that have a colour of their own."""
_WHOLE = 2**62
"""A bucket as wide as any window."""


class _Asking:
    """Asks what a report can do without, and remembers what took too long."""

    def __init__(self) -> None:
        self.missing: list[str] = []

    def __call__(self, what: str, ask: Callable[[], T], instead: T) -> T:
        try:
            return ask()
        except database.TooLongError:
            self.missing.append(f"{what}: this took the store longer than is allowed, and is left out.")
            return instead


def ask(days: Days, project: str, now_ms: int) -> Summary:
    """The summary of `days`.

    Raises:
        StoreError: the store did not answer.
    """
    window, before = days.window, days.before
    view = View(project=project, window=window, tz=days.zone_name)
    alone = replace(view, cmp="off")
    spans = int(database.rows(sources.size(view, Window(start_ms=before.start_ms, end_ms=window.end_ms)))[0]["spans"])
    later_ms = window.start_ms - before.start_ms
    asking = _Asking()
    parts: dict[str, tuple[Part, ...]] = {}
    for by in SPLITS:
        parts[by] = asking(f"Spend by {by}", partial(_parts, view, by, days, spans), ())
    order = _order(parts["model"])
    no_estimate: tuple[int, float | None] = (0, None)
    return Summary(
        days=days,
        view=view,
        now_ms=now_ms,
        calls=_pair(*(_calls(alone, one, spans, asking) for one in (window, before)), later_ms=later_ms),
        waits=_pair(latencies_of(alone, window, spans), latencies_of(alone, before, spans), later_ms=later_ms),
        charted=charted(window, source(view, window, spans)),
        waits_charted=charted(window, percentiles(view, window, spans)),
        from_hours=source(view, window, spans) is Source.HOURS,
        by_day=asking("Day by day", lambda: tuple(_by_day(alone, days, spans)), ()),
        parts=parts,
        stacked=asking("Spend over time", lambda: _stacked(view, window, order, spans), ()),
        stacked_order=order,
        stacked_window=spend.charted_window(view, window, "model", spans),
        month=asking("The month", lambda: _month(view, days), None),
        errors=asking("Errors by type", lambda: tuple(_errors(view, window, before)), ()),
        fired=asking("Alerts", lambda: tuple(_fired(view, window)), ()),
        changes=asking("What came and went", lambda: _changes(view, window, before), ()),
        estimated=asking("Estimates", lambda: _estimated(view, window), no_estimate),
        newest_ms=_newest(now_ms),
        missing=tuple(asking.missing),
    )


def _calls(view: View, window: Window, spans: int, asking: _Asking) -> Compared:
    """With the quality of answers from spans where the rollup answers for all else: it does not know of it."""
    found = calls_of(view, window, spans)
    if found.now.whole is None or source(view, window, spans) is Source.RAW:
        return found
    exact = asking("Quality", lambda: calls_of(view, window, 0), found).now.whole or {}
    judged = {key: exact.get(key) for key in ("answers", "faults")}
    return replace(found, now=replace(found.now, whole={**found.now.whole, **judged}))


def _pair(now: Compared, then: Compared, *, later_ms: int) -> Compared:
    moved = tuple({**row, "bucket_ms": int(row["bucket_ms"]) + later_ms} for row in then.now.buckets)
    return Compared(now=now.now, before=replace(then.now, buckets=moved))


def _by_day(view: View, days: Days, spans: int) -> Iterable[Day]:
    for day, window in days.each:
        found = calls_of(view, window, spans).now.whole
        yield Day(day=day, window=window, calls=found, waits=latencies_of(view, window, spans).now.whole)


def _parts(view: View, by: str, days: Days, spans: int) -> tuple[Part, ...]:
    windows = (days.window, days.before)
    found = [database.rows(spend.by_group(view, window, by, spans)) for window in windows]
    top = list(dict.fromkeys(row["what"] for rows in found for row in rows))
    if any(len(rows) >= spend.LISTED for rows in found):  # there may be more, and some only in one of the lists
        found = [database.rows(spend.of_values(view, window, by, top, spans)) for window in windows]
    now, before = ({row["what"]: row for row in rows} for rows in found)
    parts = [_part(value, now.get(value), before.get(value)) for value in dict.fromkeys([*now, *before])]
    return tuple(sorted(parts, key=lambda part: (part.value == spend.REST, -(part.usd or 0), -part.calls, part.value)))


def _part(value: str, now: Row | None, before: Row | None) -> Part:
    return Part(
        value=value,
        usd=now["cost_usd"] if now else None,
        usd_before=before["cost_usd"] if before else None,
        calls=int(now["calls"]) if now else 0,
        calls_before=int(before["calls"]) if before else 0,
        unpriced=int(now["unpriced"]) if now else 0,
    )


def _order(models: Sequence[Part]) -> tuple[str, ...]:
    paid = [part.value for part in models if part.usd and part.value != spend.REST]
    return (*paid[:_STACKED], spend.REST) if len(paid) > _STACKED else tuple(paid)


def _stacked(view: View, window: Window, order: Sequence[str], spans: int) -> tuple[Row, ...]:
    if not order:
        return ()
    top = [value for value in order if value != spend.REST]
    return tuple(database.rows(spend.over_time(view, window, "model", top, spans)))


def _month(view: View, days: Days) -> Month | None:
    """The month of the last day, as it stood at its end."""
    until_ms = days.window.end_ms - 1
    rows = database.rows(spend.hours(view, until_ms, days.zone))
    return month_of(rows, until_ms, days.zone) if rows else None


def _errors(view: View, window: Window, before: Window) -> Iterable[tuple[str, int, int]]:
    found: list[dict[str, int]] = []
    for one in (window, before):
        rows = database.rows(latency.errors(view, replace(one, least_bucket_ms=_WHOLE), ()))
        found.append({row["what"]: int(row["calls"]) for row in rows})
    for name in sorted(found[0] | found[1], key=lambda name: (-found[0].get(name, 0), -found[1].get(name, 0), name)):
        yield name, found[0].get(name, 0), found[1].get(name, 0)


def _fired(view: View, window: Window) -> Iterable[Fired]:
    alerts_of: dict[str, dict[str, list[Row]]] = {}
    for event in reversed(database.rows(alerts.fired(view, window))):
        alerts_of.setdefault(event["rule"], {}).setdefault(event["group_key"], []).append(event)
    found = [fired for events in alerts_of.values() if (fired := fired_of(list(events.values()), window))]
    return sorted(found, key=lambda fired: (-fired.times, -fired.longest_ms, fired.rule))


def fired_of(groups: Sequence[Sequence[Row]], window: Window) -> Fired | None:
    """Of the events of each of a rule's alerts, oldest first; None: it did not fire in `window`."""
    every = [
        (min(end, window.end_ms) - max(start, window.start_ms), start, end, events)
        for events in groups
        for start, end in periods(events, window.end_ms)
        if start < window.end_ms and end > window.start_ms
    ]
    if not every:
        return None
    length, start, _, events = max(every, key=lambda one: one[:2])
    began = next(event for event in events if event["at_ms"] == start and event["state"] == "firing")
    return Fired(
        rule=began["rule"],
        times=len(every),
        groups=len({events[0]["group_key"] for *_, events in every}),
        longest_ms=length,
        longest_for=began["group_values"],
        event_id=began["event_id"],
        still=sum(end >= window.end_ms for _, _, end, _ in every),
    )


def _changes(view: View, window: Window, before: Window) -> tuple[Row, ...]:
    return tuple(database.rows(quality.came_and_went(view, window, before)))


def _estimated(view: View, window: Window) -> tuple[int, float | None]:
    row = database.rows(spend.estimated(view, window))[0]
    return int(row["calls"]), row["cost_usd"]


def _newest(now_ms: int) -> int | None:
    row = database.rows(surroundings.last_span(now_ms))[0]
    return int(row["newest_ms"]) if row["spans"] else None
