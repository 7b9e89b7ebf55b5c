"""The shell around the statistics: asks ClickHouse a few bounded queries and puts the answer together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmtrace import shares
from llmtrace_collector.explain import changes, sentences
from llmtrace_collector.explain.attributes import ATTRIBUTES, BY_NAME, LONGEST_VALUE, Attribute
from llmtrace_collector.explain.changes import Sums
from llmtrace_collector.explain.explanation import Cause, Explanation
from llmtrace_collector.explain.measures import AMOUNTS, CONDITIONS, QUANTILES, Condition
from llmtrace_collector.explain.question import Question
from llmtrace_collector.explain.singling import Subject, single_out, word
from llmtrace_collector.explain.statements import calls, has, pairs, parameters, statement

Ask = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
"""Answers a query with bound parameters, a dict a row; may raise `StoreError`."""

SAMPLE = 100_000
"""Calls of a kind that are looked at by attribute; of more a sample by hash, the same at every look."""

MOST_VALUES = 50
"""Of an attribute: those with the most calls, or the largest change."""

MOST_CAUSES = 5
_LEAST_REFERENCE = 50
"""Calls with the figure, for a p95 of the reference."""

NOTHING_MORE: Mapping[str, Any] = {}


def explain(ask: Ask, question: Question) -> Explanation:
    """Answers `question`, and says so where nothing sets the calls apart.

    Each query reads `spans` by time and is stopped after two seconds; there are four, five for a quantile.

    Raises:
        StoreError: what `ask` raises.
    """
    if question.measure in AMOUNTS:
        return _amount(ask, question)
    if question.measure in QUANTILES:
        quantile = QUANTILES[question.measure]
        threshold = question.threshold if question.threshold is not None else _p95(ask, question, quantile.sql)
        if threshold is None:
            return Explanation(sentence=sentences.no_reference(quantile.those))
        condition = Condition(sql=f"{quantile.sql} > {{threshold:Float64}}", those=sentences.above(quantile, threshold))
        words = (("has", f"{question.measure}_above:{threshold:.9f}".rstrip("0").rstrip(".")),)
        return _condition(ask, question, condition, words, figure=quantile.sql, bound={"threshold": threshold})
    if question.measure in BY_NAME:
        condition = Condition(
            sql=has(question.measure, "value"), those=sentences.having(question.measure, question.value)
        )
        bound = {"value": question.value[:LONGEST_VALUE]}
        words = (word(question.measure, question.value),)
        return _condition(ask, question, condition, words, figure=_WORST, bound=bound)
    words = (("status", "error"),) if question.measure == "errors" else (("has", f"{question.measure}:yes"),)
    return _condition(ask, question, CONDITIONS[question.measure], words, figure=_WORST)


_WORST = "duration_ns / 1e9"
"""What a worse call has more of, where nothing else says so."""


def _p95(ask: Ask, question: Question, figure: str) -> float | None:
    sql = statement("threshold", calls=calls(question, f"{figure} AS figure"))
    [row] = ask(sql, parameters(question))
    return float(row["p95"]) if row["known"] >= _LEAST_REFERENCE else question.fallback


def _candidates(question: Question, condition: Condition | None) -> list[Attribute]:
    """The attributes that could explain it: not those that are filtered by, nor those the calls cannot have."""
    effects = condition.effects if condition else ()
    unanswered = bool(condition and condition.unanswered)
    return [
        attribute
        for attribute in ATTRIBUTES
        if attribute.name not in {*question.filters, question.measure}
        and (attribute.name in effects or not (unanswered and attribute.answered))
    ]


def _condition(
    ask: Ask,
    question: Question,
    condition: Condition,
    words: tuple[tuple[str, str], ...],
    *,
    figure: str,
    bound: Mapping[str, Any] = NOTHING_MORE,
) -> Explanation:
    """Calls that meet a condition; `words` say it in the dashboard's address, `bound` has its values."""
    bound = {**parameters(question), **bound}
    met = f"({condition.sql}) AS met"
    [size] = ask(statement("size", calls=calls(question, met)), bound)
    met_step = 1 + max(size["met_now"], size["met_before"]) // SAMPLE
    rest_step = 1 + size["rest_now"] // SAMPLE
    found: list[shares.Finding] = []
    if size["met_now"] >= shares.LEAST_CALLS:
        attributes = _candidates(question, condition)
        source = calls(question, met, pairs(attributes), narrowed=_SAMPLED)
        steps = {"met_step": met_step, "rest_step": rest_step, "least": shares.LEAST_CALLS, "most": MOST_VALUES}
        rows = ask(statement("shares", calls=source), bound | steps)
        found = shares.explain(
            [_share(row, attributes) for row in _in_order(rows)],
            _totals(size, met_step, rest_step),
            attributes=len(attributes),
            effects=condition.effects,
        )[:MOST_CAUSES]
    singled = single_out(
        ask,
        question,
        Subject(
            condition=condition.sql,
            figure=figure,
            cause=(found[0].attribute, found[0].value) if found else None,
            words=words,
        ),
        bound,
    )
    return Explanation(
        sentence=sentences.of_shares(condition.those, size, found, since=singled.since, question=question),
        causes=tuple(
            Cause(attribute=one.attribute, value=one.value, figures=sentences.share_figures(one), also=one.also)
            for one in found
        ),
        since=singled.since,
        examples=singled.examples,
        query=singled.query,
        calls=sum(size.values()),
        sampled=1 / max(met_step, rest_step),
    )


_SAMPLED = (
    "isNotNull(met) AND (now OR assumeNotNull(met))"
    " AND draw % if(assumeNotNull(met), {met_step:UInt64}, {rest_step:UInt64}) = 0"
)


def _in_order(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """By attribute: of two that say the same, the one that is told first comes first."""
    return sorted(rows, key=lambda row: int(row["attribute"]))


def _share(row: Mapping[str, Any], attributes: Sequence[Attribute]) -> shares.Share:
    return shares.Share(
        attribute=attributes[row["attribute"]].name,
        value=row["value"],
        met=row["met_now"],
        rest=row["rest_now"],
        met_before=row["met_before"],
        candidates=row["candidates"],
    )


def _totals(size: Mapping[str, int], met_step: int, rest_step: int) -> shares.Totals:
    return shares.Totals(
        met=max(1, round(size["met_now"] / met_step)),
        rest=round(size["rest_now"] / rest_step),
        met_before=round(size["met_before"] / met_step),
        calls=size["met_now"] + size["rest_now"],
        calls_before=size["met_before"] + size["rest_before"],
    )


def _amount(ask: Ask, question: Question) -> Explanation:
    amount = AMOUNTS[question.measure]
    columns = (
        f"{amount.sql} AS amount",
        "sampling_weight AS weight",
        "sampling_weight * ifNull(spans.input_tokens, 0) AS tokens_in",
        "sampling_weight * ifNull(spans.output_tokens, 0) AS tokens_out",
    )
    bound = parameters(question)
    [row] = ask(statement("amounts", calls=calls(question, *columns)), bound)
    scale = question.window.length / question.reference.length
    now, before = _sums(row, "now", 1.0), _sums(row, "before", scale)
    step = 1 + row["rows"] // (2 * SAMPLE)
    high, low = (before, now) if question.fall else (now, before)
    found: list[changes.Contribution] = []
    if low.calls >= shares.LEAST_CALLS and changes.significant(high, low):
        attributes = _candidates(question, None)
        source = calls(question, *columns, pairs(attributes), narrowed="draw % {step:UInt64} = 0")
        steps = {"step": step, "most": MOST_VALUES, "scale": scale}
        rows = ask(statement("sums", calls=source), bound | steps)
        values = [_value(one, attributes, question, scale, step) for one in _in_order(rows)]
        found = changes.explain(values, high, low, attributes=len(attributes), money=amount.money)[:MOST_CAUSES]
    first = found[0] if found else None
    singled = single_out(
        ask,
        question,
        Subject(figure=amount.sql, amount=amount.sql, cause=(first.attribute, first.value) if first else None),
        bound,
    )
    return Explanation(
        sentence=sentences.of_change(amount, now, before, found, since=singled.since, question=question),
        causes=tuple(
            Cause(
                attribute=one.attribute,
                value=one.value,
                figures=sentences.change_figures(one, fall=question.fall),
                also=one.also,
            )
            for one in found
        ),
        since=singled.since,
        examples=singled.examples,
        query=singled.query,
        calls=row["rows"],
        sampled=1 / step,
    )


def _sums(row: Mapping[str, Any], when: str, factor: float) -> Sums:
    return Sums(
        calls=float(row[f"calls_{when}"]),
        amount=float(row[f"amount_{when}"]),
        squares=float(row[f"squares_{when}"]),
        input_tokens=float(row[f"input_{when}"]),
        output_tokens=float(row[f"output_{when}"]),
    ).scaled(factor)


def _value(
    row: Mapping[str, Any], attributes: Sequence[Attribute], question: Question, scale: float, step: int
) -> changes.Value:
    now, before = _sums(row, "now", float(step)), _sums(row, "before", scale * step)
    return changes.Value(
        attribute=attributes[row["attribute"]].name,
        value=row["value"],
        now=before if question.fall else now,
        before=now if question.fall else before,
        candidates=row["candidates"],
    )
