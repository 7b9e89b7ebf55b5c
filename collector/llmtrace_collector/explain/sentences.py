"""An explanation in words: one or two plain sentences, figures with them. Pure functions.

Values are names from traced apps and may hold anything: they are shown in one line and cut; a channel escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from llmtrace.shares import LEAST_CALLS, Finding
from llmtrace_collector.channels.text import fit
from llmtrace_collector.explain.attributes import BY_NAME
from llmtrace_collector.explain.changes import Contribution, Split, Sums, significant, split
from llmtrace_collector.explain.measures import Amount, Quantile
from llmtrace_collector.explain.question import Question
from llmtrace_collector.explain.times import told

_LONGEST_SHOWN = 80
"""Characters of a value in a sentence; figures have it whole."""

_TOLD_PART = 0.1
"""Of a change: smaller parts are not worth a word."""


def no_reference(those: str) -> str:
    """There is nothing to say which calls are slow."""
    return f"The reference has too few calls to tell {those}."


def above(quantile: Quantile, threshold: float) -> str:
    """The calls above a threshold: "slow calls (above 2.4 s)"."""
    shown = f"${threshold:.3g}" if quantile.unit == "USD" else f"{threshold:.3g} {quantile.unit}".strip()
    return f"{quantile.those} (above {f'{threshold:,.0f} tokens' if quantile.unit == 'tokens' else shown})"


def having(attribute: str, value: str) -> str:
    """The calls that have a value: "calls with model gpt-5"."""
    return f"calls with {_value(attribute, value)}"


def of_shares(
    those: str,
    size: Mapping[str, int],
    found: Sequence[Finding],
    *,
    since: datetime | None,
    question: Question,
) -> str:
    """What sets calls that meet a condition apart."""
    if size["met_now"] < LEAST_CALLS:
        return f"There are only {size['met_now']} {those}: too few to tell what sets them apart."
    began = f"; since {told(since, question.window.end)}" if since else ""
    if not found:
        return f"No attribute sets the {those} apart from the others{began}."
    first, *more = found
    second = next((one for one in more if one.against != first.against), None)
    parts = [f"{_percent(first.share)} of the {those} have {_named(first)}, {_compared(first)}"]
    if second:
        parts.append(f"{_percent(second.share)} have {_named(second)}, {_compared(second)}")
    return "; ".join(parts) + began + "."


def share_figures(finding: Finding) -> dict[str, float | str]:
    """The figures of a finding by name."""
    return {
        "share": round(finding.share, 4),
        f"share_{finding.against}": round(finding.compared, 4),
        "calls": finding.calls,
        "p_value": float(f"{finding.p_value:.2g}"),
    }


def _compared(finding: Finding) -> str:
    if finding.against == "others":
        return f"{_percent(finding.compared)} of the others"
    return f"{_percent(finding.compared)} of those before"


def of_change(
    amount: Amount,
    now: Sums,
    before: Sums,
    found: Sequence[Contribution],
    *,
    since: datetime | None,
    question: Question,
) -> str:
    """Where the change of a sum comes from."""
    figures = f"from {_amount(before.amount, amount)} to {_amount(now.amount, amount)}"
    name = amount.name[0].upper() + amount.name[1:]
    high, low = (before, now) if question.fall else (now, before)
    if low.calls < LEAST_CALLS <= high.calls:
        when = (
            "There are hardly any such calls any more" if question.fall else "There were hardly any such calls before"
        )
        return f"{when}: {amount.name} went {figures}."
    if not significant(high, low):
        return f"{name} did not change beyond chance: {figures}."
    verb = "fell" if question.fall else "rose"
    how = "" if question.fall else _how(split(now, before, money=amount.money), now.amount - before.amount, amount)
    began = f"; since {told(since, question.window.end)}" if since else ""
    if not found:
        return f"{name} {verb} {figures}{how}; no attribute explains it{began}."
    first = found[0]
    one = (first.before, first.now) if question.fall else (first.now, first.before)
    calls = f" {_figure(one[0].calls)} calls against {_figure(one[1].calls)}" if amount.name != "calls" else ""
    share = f"{_percent(first.part)} of that is" if first.part <= 1 else "All of that, and more, is"
    return (
        f"{name} {verb} {figures}{how}. {share} {_named(first)}: {_amount(one[0].amount, amount)}"
        f" against {_amount(one[1].amount, amount)} before{',' if calls else ''}{calls}{began}."
    )


def change_figures(contribution: Contribution, *, fall: bool) -> dict[str, float | str]:
    """The figures of a contribution by name; amounts in their unit."""
    now, before = (contribution.before, contribution.now) if fall else (contribution.now, contribution.before)
    sign = -1 if fall else 1
    return {
        "part": round(contribution.part, 4),
        "amount": _rounded(now.amount),
        "amount_before": _rounded(before.amount),
        "calls": _rounded(now.calls),
        "calls_before": _rounded(before.calls),
        "by_calls": _rounded(sign * contribution.split.calls),
        "by_tokens_per_call": _rounded(sign * contribution.split.size),
        "by_price_per_token": _rounded(sign * contribution.split.price),
        "p_value": float(f"{contribution.p_value:.2g}"),
    }


def _how(parts: Split, change: float, amount: Amount) -> str:
    """By which factors, largest first; nothing where only one is possible."""
    if amount.name == "calls" or not change:
        return ""
    longer = "longer calls" if amount.money else "more tokens a call"
    named = {"more calls": parts.calls, longer: parts.size, "dearer tokens": parts.price}
    shown = [
        f"{_percent(part / change)} {name}"
        for name, part in sorted(named.items(), key=lambda one: -one[1])
        if part >= _TOLD_PART * change
    ]
    falling = any(part <= -_TOLD_PART * change for part in named.values())
    if falling or not shown:
        return f", mostly by {shown[0].split(' ', 2)[2]}" if shown else ""
    return f" ({', '.join(shown)})"


def _named(one: Finding | Contribution) -> str:
    text = _value(one.attribute, one.value)
    if not one.also:
        return text
    return f"{text} (and {', '.join(_value(name, value) for name, value in one.also[:2])})"


def _value(attribute: str, value: str) -> str:
    return f"{BY_NAME[attribute].label} {fit(value, _LONGEST_SHOWN)}"


def _percent(share: float) -> str:
    shown = round(100 * share)
    if share > 0 and shown == 0:
        return "under 1 %"
    return f"{shown} %" if share >= 1 or shown < 100 else "over 99 %"


def _amount(value: float, amount: Amount) -> str:
    if not amount.money:
        return _figure(value)
    return f"${value:,.2f}" if value == 0 or abs(value) >= 0.1 else f"${value:.4g}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.2g}"


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
