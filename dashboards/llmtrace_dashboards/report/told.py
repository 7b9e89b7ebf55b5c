"""What a report says in sentences: pure functions of its summary."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from llmtrace.prices import price_list_version
from llmtrace_dashboards import figures
from llmtrace_dashboards.panels.compared import NOTHING, Compared, Row, sampled, share
from llmtrace_dashboards.queries.spend import REST
from llmtrace_dashboards.report.markup import Html, joined, name, tag
from llmtrace_dashboards.report.summary import Part, Summary

UNNAMED = "(none given)"
"""In the place of an empty value."""
_LEAST = 0.005
"""Of a change of spend: below, nothing is named as its cause."""


def title(summary: Summary) -> str:
    """Of the page."""
    of = f" of {summary.view.project}" if summary.view.project else ""
    return f"LLM calls{of}, {summary.days.told}"


def nothing(summary: Summary) -> Html:
    """Instead of figures where there was no call."""
    of = joined(" of project ", name(summary.view.project)) if summary.view.project else ""
    newest = (
        "The store has no spans at all."
        if summary.newest_ms is None
        else f"The newest span in the store is of {figures.clock(summary.newest_ms, summary.days.zone, seconds=False)}."
    )
    return tag("p", "There was no call", of, f" from {summary.days.told}. {newest}", class_="nothing")


def headlines(summary: Summary) -> Iterator[Html]:
    """What changed, a sentence each: first how much, then what of, then how well."""
    now = summary.calls.now.whole or NOTHING
    against = summary.days.against
    spent = figures.money(paid(now))
    count = figures.plural(int(now["calls"]), "call")
    if summary.calls.before.whole is None:
        yield joined(tag("b", f"{count}, {spent}."), f" There was no call in {against} to compare with.")
    else:
        changes = {"Calls": summary.calls.change("calls"), "spend": summary.calls.change("cost_usd")}
        told = ", ".join(f"{what} {changed(change)}" for what, change in changes.items() if change)
        yield joined(tag("b", f"{count}, {spent}."), f" {told} against {against}." if told else None)
        yield from _cause(summary)
    yield from _errors(summary)
    yield from _waits(summary)
    yield _alerts(summary)


def changed(change: str) -> str:
    """`+12%` in words."""
    if change.startswith("±"):
        return "stayed the same"
    if change.endswith("×"):
        return f"grew to {change.removesuffix('×')} times as much"
    return f"{'rose' if change.startswith('+') else 'fell'} by {change[1:]}"


def paid(row: Row) -> float | None:
    """Dollars; None where not one call has a known price."""
    unpriced = int(row["calls"]) - int(row["errors"]) <= int(row["unpriced"])
    return None if unpriced and not row["cost_usd"] else float(row["cost_usd"] or 0)


def _cause(summary: Summary) -> Iterator[Html]:
    found = movers(summary, "usd")
    every = total(summary.parts["model"], "more_usd")
    if not found or abs(every) < _LEAST:
        return
    by, part = found[0]
    how = "more" if part.more_usd > 0 else "less"
    amount = figures.money(abs(part.more_usd))
    yield joined(f"The largest change is of {by} ", name(part.value or UNNAMED), f": {amount} {how}.")


def movers(summary: Summary, of: str) -> list[tuple[str, Part]]:
    """Models and features by how much of the change in spend (`usd`) or calls is theirs, most first."""
    key = "more_usd" if of == "usd" else "more_calls"
    found = [
        (by, part)
        for by in ("model", "feature")
        for part in summary.parts[by]
        if part.value != REST and getattr(part, key) and (by == "model" or len(summary.parts[by]) > 1)
    ]
    return sorted(found, key=lambda one: -abs(getattr(one[1], key)))


def total(parts: tuple[Part, ...], key: str) -> float:
    """A figure of all of them."""
    return float(sum(getattr(part, key) or 0 for part in parts))


def _errors(summary: Summary) -> Iterator[Html]:
    rates = _shares(summary.calls, "errors", "calls")
    if rates[0] is None:
        return
    if not rates[0]:
        yield joined("No call failed", _after(rates[1]), ".")
        return
    most = joined(", most often with ", name(summary.errors[0][0] or UNNAMED)) if summary.errors else None
    yield joined(f"{figures.percent(rates[0])} of calls failed", _after(rates[1]), most, ".")


def _waits(summary: Summary) -> Iterator[Html]:
    p95 = [float(one["p95_ns"]) if one else None for one in (summary.waits.now.whole, summary.waits.before.whole)]
    if p95[0] is not None:
        was = f", {figures.duration(p95[1])} before" if p95[1] is not None else ""
        yield joined(f"95% of calls took at most {figures.duration(p95[0])}{was}.")


def _after(share: float | None) -> str:
    return f", {figures.percent(share)} before" if share is not None else ""


def _shares(found: Compared, part: str, whole: str) -> list[float | None]:
    return [share(period.whole, part, whole) for period in (found.now, found.before)]


def _alerts(summary: Summary) -> Html:
    if not summary.fired:
        return Html("No alert fired.")
    times, still = (sum(getattr(fired, key) for fired in summary.fired) for key in ("times", "still"))
    longest = max(summary.fired, key=lambda fired: fired.longest_ms)
    told = "An alert fired, " if times == 1 else f"Alerts fired {figures.count(times)} times; the longest, "
    rest = f" {figures.plural(still, 'alert')} still fired at the end." if still else None
    return joined(told, name(longest.rule), f", lasted {figures.duration(longest.longest_ms * 1e6)}.", rest)


def month(summary: Summary) -> Html | None:
    """The month of the last day, and what is expected of it."""
    found = summary.month
    if found is None:
        return None
    last = found.days[found.today]
    so_far = figures.money(sum(found.spent))
    told = f"{last:%B} came to {so_far} by the end of {last:%-d %B}"
    if not found.ahead:
        return tag("p", f"{told}. A forecast needs more days of history.")
    expected, low, high = (figures.money(usd) for usd in found.ahead[-1])
    if last + timedelta(days=1) not in found.days:
        return tag("p", f"{told}, and is over.")
    end = found.days[-1]
    return tag(
        "p", f"{told}. By {end:%-d %B} it is expected to be {expected}; four times in five between {low} and {high}."
    )


def notes(summary: Summary) -> Iterator[str]:
    """What the figures leave out, and what they are measured in."""
    now = summary.calls.now.whole or NOTHING
    days = summary.days
    yield f"Days are those of {days.zone_name}. Made {figures.clock(summary.now_ms, days.zone, seconds=False)}."
    if days.until_ms is not None:
        yield f"The period is not over; it is compared with {days.against}."
    yield "Amounts are US dollars, of calls with a known price, with what was found out of their costs later."
    yield f"Price list of this installation: {price_list_version()}."
    if unpriced := int(now["unpriced"]):
        yield f"{figures.plural(unpriced, 'call')} without a known price: in no sum."
    if summary.estimated[0]:
        calls, usd = summary.estimated
        worth = f", {figures.money(usd)} by list price" if usd is not None else ""
        yield f"{figures.plural(calls, 'call')} whose usage was not reported but estimated{worth}: in no sum."
    for told in sampled(int(now["stored"]), int(now["calls"])):
        yield f"{told[:1].upper()}{told[1:]}; errors by type are those of stored calls."
    if summary.from_hours:
        yield "From the rollup by hour: whole hours, and percentiles are estimates, ±4.5%."
    yield "Better or worse: shares beyond what chance makes of them, latencies that changed by a tenth or more."
    yield "Quality is the share of answers without a known fault: refused, truncated, empty, not as asked for."
    yield from summary.missing
