"""The statements of `sql/explain.sql`, made out for one question: its expressions written in, its values bound."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from llmtrace_collector.explain.attributes import BY_NAME, LONGEST_VALUE, Attribute
from llmtrace_collector.explain.question import Question
from llmtrace_collector.explain.times import to_ms

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_REPLACEMENT = "\ufffd"
"""What toValidUTF8 leaves in place of bytes that are no text: the column itself holds something else."""


def statement(name: str, **expressions: str) -> str:
    """The statement with `expressions` in the places that carry their names; they must be ours, not a stranger's."""
    sql = _statements()[name]
    for place, expression in expressions.items():
        sql = sql.replace("{{" + place + "}}", expression)
    return sql


@cache
def _statements() -> dict[str, str]:
    text = (files("llmtrace_collector.explain.sql") / "explain.sql").read_text(encoding="utf-8")
    pieces = _NAME.split(text)[1:]
    return {name: sql.strip() for name, sql in zip(pieces[::2], pieces[1::2], strict=True)}


def calls(question: Question, *columns: str, narrowed: str = "") -> str:
    """The subquery of the question's calls: `now` (in the window), `draw` (a hash to sample by), and `columns`.

    `narrowed` is a further condition, over columns of `spans` and those of the subquery.
    """
    now = "timestamp >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC') AS now"
    draw = "intHash64(cityHash64(trace_id, span_id)) AS draw"
    filters = " ".join(f"AND {_filter(name, value, i)}" for i, (name, value) in enumerate(question.filters.items()))
    further = f"AND ({narrowed})" if narrowed else ""
    return statement("calls", columns=", ".join((now, draw, *columns)), filters=filters, narrowed=further)


def pairs(attributes: Sequence[Attribute]) -> str:
    """The attributes of a call as an array of (number of the attribute, value)."""
    lists = [_values(attribute, number) for number, attribute in enumerate(attributes)]
    singles = ", ".join(one for one in lists if one.startswith("("))
    arrays = [one for one in lists if not one.startswith("(")]
    return f"arrayConcat({', '.join([f'[{singles}]', *arrays])}) AS pairs"


def _values(attribute: Attribute, number: int) -> str:
    if attribute.array:
        return f"arrayMap(one -> (toUInt8({number}), {_text('one')}), arrayDistinct({attribute.column}))"
    return f"(toUInt8({number}), {_text(attribute.column)})"


def has(attribute: str, place: str) -> str:
    """The condition that a call has the value bound to `place`."""
    found = BY_NAME[attribute]
    if found.array:
        return f"arrayExists(one -> {_text('one')} = {{{place}:String}}, {found.column})"
    return f"{_text(found.column)} = {{{place}:String}}"


def _filter(name: str, value: str, number: int) -> str:
    """By the column itself where that is the same: an index may know it."""
    attribute, place = BY_NAME[name], f"filter_{number}"
    if attribute.array or _REPLACEMENT in value or len(value) >= LONGEST_VALUE:
        return has(name, place)
    return f"{attribute.column} = {{{place}:String}}"


def _text(column: str) -> str:
    return f"substringUTF8(toValidUTF8(toString({column})), 1, {LONGEST_VALUE})"


def parameters(question: Question) -> dict[str, Any]:
    """The values of `calls`."""
    return {
        "start_ms": to_ms(question.window.start),
        "end_ms": to_ms(question.window.end),
        "before_ms": to_ms(question.reference.start),
        "before_end_ms": to_ms(question.reference.end),
        **dict(_values_of(question)),
    }


def _values_of(question: Question) -> Iterator[tuple[str, str]]:
    for number, value in enumerate(question.filters.values()):
        yield f"filter_{number}", value[:LONGEST_VALUE]
