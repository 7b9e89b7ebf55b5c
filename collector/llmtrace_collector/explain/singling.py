"""The calls themselves, once it is known what sets them apart: since when, some of them, and where all of them are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from llmtrace_collector.explain.explanation import Example
from llmtrace_collector.explain.onset import onset
from llmtrace_collector.explain.question import Question
from llmtrace_collector.explain.statements import calls, has, statement
from llmtrace_collector.explain.times import from_ms, to_ms

if TYPE_CHECKING:
    from llmtrace_collector.explain.explaining import Ask

_BUCKETS = 240
"""Of the timeline, at most; no shorter than a minute each."""

_WORDS = {"model": "model", "user": "user", "service": "svc", "environment": "env", "project": "p"}
"""Attributes for which the dashboard's address has a word of their own; the others are `has=name:value`."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Which calls, as expressions of ours and a value to bind."""

    figure: str
    """What a worse call has more of."""
    condition: str = "true"
    amount: str = "1.0"
    """What is added up over time."""
    cause: tuple[str, str] | None = None
    """Attribute and value that set them apart; None: all that meet the condition."""
    words: tuple[tuple[str, str], ...] = ()
    """What the dashboard's address says of the condition."""


@dataclass(frozen=True, kw_only=True)
class Singled:
    """What was found of the calls."""

    since: datetime | None
    examples: tuple[Example, ...]
    query: tuple[tuple[str, str], ...]


def single_out(ask: Ask, question: Question, subject: Subject, bound: Mapping[str, Any]) -> Singled:
    """Looks at the calls of `subject` in the window of `question`."""
    matches = f"ifNull(({subject.condition}), false)"
    if subject.cause:
        name, value = subject.cause
        matches = f"({matches} AND {has(name, 'cause')})"
        bound = {**bound, "cause": value}
    since = _since(ask, question, subject, matches, bound)
    source = calls(question, "trace_id", "span_id", f"{subject.figure} AS figure", narrowed=f"now AND {matches}")
    rows = ask(statement("examples", calls=source), bound)
    return Singled(
        since=since,
        examples=tuple(Example(trace_id=row["trace_id"], span_id=row["span_id"], why=row["why"]) for row in rows),
        query=_query(question, subject),
    )


def _since(ask: Ask, question: Question, subject: Subject, matches: str, bound: Mapping[str, Any]) -> datetime | None:
    """The start of the stretch in which it rose; a rate by calls, an amount by time. None before the window."""
    if question.fall:
        return None
    start, end = question.reference.start, question.window.end
    bucket = max(timedelta(minutes=1), (end - start) / _BUCKETS)
    bucket_ms = bucket // timedelta(milliseconds=1)
    source = calls(question, "timestamp", f"{subject.amount} AS amount", f"{matches} AS matches")
    rows = ask(statement("timeline", calls=source), {**bound, "bucket_ms": bucket_ms})
    by_bucket = {row["bucket"]: row for row in rows}
    count = 1 + (to_ms(end) - to_ms(start) - 1) // bucket_ms
    amounts = [float(by_bucket[i]["amount"]) if i in by_bucket else 0.0 for i in range(count)]
    by_time = subject.amount != "1.0"
    exposures = [1.0 if by_time else float(by_bucket[i]["calls"]) if i in by_bucket else 0.0 for i in range(count)]
    if by_time and sum(amounts) > 0:
        unit = sum(amounts) / max(1, sum(amount > 0 for amount in amounts))
        amounts = [amount / unit for amount in amounts]
    index = onset(amounts, exposures)
    if index is None:
        return None
    since = from_ms(to_ms(start) + index * bucket_ms)
    return since if since >= question.window.start - bucket else None


def _query(question: Question, subject: Subject) -> tuple[tuple[str, str], ...]:
    times = (("from", str(to_ms(question.window.start))), ("to", str(to_ms(question.window.end))))
    values = [*question.filters.items(), *([subject.cause] if subject.cause else [])]
    return (*times, *(word(name, value) for name, value in values), *subject.words)


def word(attribute: str, value: str) -> tuple[str, str]:
    """What the dashboard's address says of calls that have this value."""
    return (_WORDS[attribute], value) if attribute in _WORDS else ("has", f"{attribute}:{value}")
