"""Terms as a WHERE over `spans`: expressions of ours, values as placeholders that ClickHouse fills in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmtrace.filters.fields import FIELDS, FLAGS, Field, Kind
from llmtrace.filters.grammar import kind_of, number
from llmtrace.filters.terms import Op, Term, Value

_SPOKEN = "lower(replaceRegexpAll({column}, '\\\\\\\\[bfnrt]', ' '))"
"""JSON escapes are no part of a word."""
_BY_INDEX = f"hasAllTokens({_SPOKEN}, lower({{words}}))"
_BY_READING = f"hasAll(splitByNonAlpha({_SPOKEN}), splitByNonAlpha(lower({{words}})))"
_OPS = {Op.IS: "=", Op.ABOVE: ">", Op.AT_LEAST: ">=", Op.BELOW: "<", Op.AT_MOST: "<="}


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A boolean expression over a row of `spans`, never NULL."""

    sql: str
    """'true' where nothing is asked for."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """By name of placeholder: `f0`, `f1`, ..."""


def condition(terms: Iterable[Term], *, text_index: bool = True) -> Condition:
    """What `terms` ask for, for a query over `spans` that binds `start_ms` and `end_ms`, in epoch milliseconds.

    Args:
        terms: Of `parse`.
        text_index: Whether `span_content` has its text index: from ClickHouse 26.2 on.
    """
    maker = _Maker(text_index=text_index)
    parts = [maker.term(term) for term in terms]
    return Condition(sql=" AND ".join(f"({part})" for part in parts) or "true", params=maker.params)


class _Maker:
    def __init__(self, *, text_index: bool) -> None:
        self.params: dict[str, Any] = {}
        self._words = _BY_INDEX if text_index else _BY_READING

    def term(self, term: Term) -> str:
        made = self._made(term)
        return f"NOT ({made})" if term.negated else made

    def _made(self, term: Term) -> str:
        head, _, name = term.word.partition(".")
        if not term.word:
            return self._content(term.values[0])
        if term.word == "is":
            return " OR ".join(f"ifNull({FLAGS[text][0]}, false)" for text in term.texts)
        if term.word == "has":
            return " OR ".join(_told(FIELDS[text]) for text in term.texts)
        if head in {"score", "feedback"}:
            return self._judged("scores" if head == "score" else "feedback", name, term)
        if head in {"attr", "resource"}:
            column = "spans.attributes" if head == "attr" else "spans.resource_attributes"
            return self._attribute(f"{column}[{self._bound('String', name)}]", term)
        if kind_of(term).numeric:
            return self._number(FIELDS[term.word].sql, term)
        return self._text(FIELDS[term.word].sql, term, several=FIELDS[term.word].kind is Kind.TEXTS)

    def _bound(self, type_: str, value: object) -> str:
        place = f"f{len(self.params)}"
        self.params[place] = value
        return f"{{{place}:{type_}}}"

    def _text(self, sql: str, term: Term, *, several: bool = False) -> str:
        exact = [value.text for value in term.values if not value.pattern]
        arms = []
        if exact:
            bound = self._bound("Array(String)", exact)
            # As plain texts: a dictionary-encoded column has no function in common with an array of placeholders.
            arms.append(f"hasAny({sql}, {bound})" if several else f"has({bound}, toString({sql}))")
        for value in term.values:
            if value.pattern:
                like = self._bound("String", _like(value.text))
                arms.append(f"arrayExists(one -> one LIKE {like}, {sql})" if several else f"{sql} LIKE {like}")
        return " OR ".join(arms)

    def _number(self, sql: str, term: Term) -> str:
        arms = [
            f"ifNull({sql} {_OPS[term.op]} {self._bound('Float64', number(value))}, false)" for value in term.values
        ]
        return " OR ".join(arms)

    def _attribute(self, sql: str, term: Term) -> str:
        return self._text(sql, term) if term.op is Op.IS else self._number(f"toFloat64OrNull({sql})", term)

    def _judged(self, table: str, name: str, term: Term) -> str:
        """Events about the call, found by its span, or by the provider's id of the answer where they have no span."""
        named = f"{table}.name = {self._bound('String', name)}"
        if term.op is Op.IS:
            fits = self._text(f"{table}.label", term)
            for value in term.values:
                if not value.pattern and _is_number(value.text):
                    fits += f" OR ifNull({table}.value = {self._bound('Float64', float(value.text))}, false)"
        else:
            fits = self._number(f"{table}.value", term)
        # Judged after the call; what was judged a month after it is not looked for.
        when = (
            f"{table}.timestamp >= fromUnixTimestamp64Milli({{start_ms:Int64}}, 'UTC')"
            f" AND {table}.timestamp < fromUnixTimestamp64Milli({{end_ms:Int64}}, 'UTC') + INTERVAL 31 DAY"
        )
        by_span, by_answer = (
            f"SELECT {ids} FROM {table} WHERE {when} AND {named} AND ({fits}) AND {first} != ''"  # noqa: S608  ours
            for ids, first in (("trace_id, span_id", "trace_id"), ("response_id", "response_id"))
        )
        return f"(spans.trace_id, spans.span_id) IN ({by_span}) OR spans.response_id IN ({by_answer})"

    def _content(self, value: Value) -> str:
        words = self._bound("String", value.text)
        either = " OR ".join(
            self._words.format(column=f"span_content.{column}", words=words)
            for column in ("input_messages", "output_messages")
        )
        when = (
            "span_content.timestamp >= fromUnixTimestamp64Milli({start_ms:Int64}, 'UTC')"
            " AND span_content.timestamp < fromUnixTimestamp64Milli({end_ms:Int64}, 'UTC')"
        )
        found = f"SELECT trace_id, span_id FROM span_content WHERE {when} AND ({either})"  # noqa: S608  ours
        return f"(spans.trace_id, spans.span_id) IN ({found})"


def _told(known: Field) -> str:
    if known.kind is Kind.TEXTS:
        return f"notEmpty({known.sql})"
    return f"isNotNull({known.sql})" if known.kind.numeric else f"{known.sql} != ''"


def _like(pattern: str) -> str:
    for special in ("\\", "%", "_"):
        pattern = pattern.replace(special, f"\\{special}")
    return pattern.replace("*", "%")


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < 1e300
    except ValueError:
        return False
