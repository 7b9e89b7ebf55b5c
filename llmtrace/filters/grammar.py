"""Text to terms and back."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from llmtrace.filters.fields import ALIASES, CHILDREN, FIELDS, FLAGS, Field, Kind
from llmtrace.filters.terms import Op, Term, Value

LONGEST = 2_000
"""Characters of a filter."""
MOST_TERMS = 30
MOST_VALUES = 20

_HEAD = re.compile(r"(-?)([A-Za-z_][\w./-]*)(:|>=|<=|!=|=|>|<)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BARE = re.compile(r'[^\s",]+')
_NUMBER = re.compile(r"\$?(-?[0-9]*\.?[0-9]+(?:e-?[0-9]{1,2})?)\s*([a-zA-Z%]*)")
_NEEDS_QUOTES = re.compile(r'[\s",*\\]')
_UNITS: dict[Kind, dict[str, Decimal]] = {
    Kind.SECONDS: {"": Decimal(1), "us": Decimal("1e-6"), "ms": Decimal("1e-3"), "s": Decimal(1), "m": Decimal(60)}
    | {"min": Decimal(60), "h": Decimal(3600)},
    Kind.DOLLARS: {"": Decimal(1), "usd": Decimal(1)},
    Kind.SHARE: {"": Decimal(1), "%": Decimal("0.01")},
    Kind.COUNT: {"": Decimal(1), "k": Decimal(1000), "m": Decimal(1_000_000)},
    Kind.NUMBER: {"": Decimal(1), "k": Decimal(1000)},
}
_LARGEST = Decimal(10) ** 18


class FilterError(ValueError):
    """The text is no filter; the message is one sentence for its author."""

    def __init__(self, sentence: str, at: int) -> None:
        super().__init__(f"{sentence} (at character {at + 1})")
        self.sentence = sentence
        self.at = at
        """Where, counted from 0."""


def parse(text: str) -> tuple[Term, ...]:
    """The terms of `text`, in their order; of nothing but space none.

    Raises:
        FilterError: there is something in it that is no term, a word nobody knows, or too much of it.
    """
    if len(text) > LONGEST:
        raise FilterError(f"The filter is longer than {LONGEST:,} characters", LONGEST)
    odd = next((i for i, c in enumerate(text) if not (c.isprintable() or c.isspace() or c in "\u200e\u200f")), None)
    if odd is not None:
        raise FilterError("A control character is in the filter", odd)
    terms: list[Term] = []
    at = 0
    while (at := _past_space(text, at)) < len(text):
        term, at = _term(text, at)
        terms.append(term)
        if len(terms) > MOST_TERMS:
            raise FilterError(f"The filter has more than {MOST_TERMS} terms", at)
    return tuple(terms)


def render(terms: Iterable[Term]) -> str:
    """The text of `terms`: `parse` makes the same of it."""
    return " ".join(_rendered(term) for term in terms)


def number(value: Value) -> float:
    """The number of a numeric term's value."""
    return float(value.text)


def kind_of(term: Term) -> Kind:
    """What kind of values the term's word has."""
    return FIELDS[term.word].kind if term.word in FIELDS else Kind.TEXT


def _past_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _term(text: str, at: int) -> tuple[Term, int]:
    if not (head := _HEAD.match(text, at)):
        negated = text[at] == "-"
        value, end = _value(text, at + negated)
        if not value.text:
            raise FilterError("There is nothing between the quotes", at + negated)
        _must_end(text, end)
        return Term(word="", values=(Value(text=value.text),), negated=negated), end
    minus, name, sign = head.groups()
    word, starts = _word(name, head.start(2)), head.end()
    op, negated = (Op.IS, sign == "!=") if sign in {":", "=", "!="} else (Op(sign), False)
    if minus and negated:
        raise FilterError(f'Two negations: write "-{name}:..." or "{name}!=..."', at)
    values, end = _values(text, starts, name)
    _must_end(text, end)
    found = _checked(Term(word=word, op=op, values=values, negated=bool(minus) or negated), name, starts)
    return found, end


def _must_end(text: str, at: int) -> None:
    if at < len(text) and not text[at].isspace():
        raise FilterError(f'A space must come before "{text[at : at + 10]}"', at)


def _word(name: str, at: int) -> str:
    head, dot, rest = name.partition(".")
    if dot and head in CHILDREN:
        if not rest:
            raise FilterError(f'"{name}" lacks a name: write it like {head}.quality', at)
        return name
    lower = ALIASES.get(name.lower(), name.lower())
    if lower in FIELDS or lower in {"is", "has"}:
        return lower
    every = [*FIELDS, *ALIASES, "is", "has", *(f"{child}.NAME" for child in CHILDREN)]
    near = difflib.get_close_matches(name.lower(), every, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else "; text to look for goes in quotes"
    raise FilterError(f'There is no word "{name[:40]}"{hint}', at)


def _values(text: str, at: int, name: str) -> tuple[tuple[Value, ...], int]:
    values: list[Value] = []
    while True:
        if at >= len(text) or text[at].isspace() or text[at] == ",":
            raise FilterError(f'A value is missing after "{name}"', at)
        value, at = _value(text, at)
        values.append(value)
        if len(values) > MOST_VALUES:
            raise FilterError(f'"{name}" has more than {MOST_VALUES} values', at)
        if at >= len(text) or text[at] != ",":
            return tuple(dict.fromkeys(values)), at
        at += 1


def _value(text: str, at: int) -> tuple[Value, int]:
    if text[at : at + 1] == '"':
        if not (quoted := _QUOTED.match(text, at)):
            raise FilterError("A quote is not closed", at)
        return Value(text=re.sub(r"\\(.)", r"\1", quoted[1])), quoted.end()
    if not (bare := _BARE.match(text, at)):
        raise FilterError("A value is missing", at)
    return Value(text=bare[0], pattern="*" in bare[0]), bare.end()


def _checked(term: Term, name: str, at: int) -> Term:
    if term.word == "is":
        return _known(term, FLAGS, name, at)
    if term.word == "has":
        names = [ALIASES.get(text, text) for text in term.texts]
        return _known(
            Term(word="has", values=tuple(Value(text=n) for n in names), negated=term.negated), FIELDS, name, at
        )
    field = FIELDS.get(term.word)
    if field is None:  # score.NAME and its like: by number when compared as one
        return term if term.op is Op.IS else _numbered(term, Kind.NUMBER, name, at)
    if field.kind.numeric:
        return _numbered(term, field.kind, name, at)
    if term.op is not Op.IS:
        raise FilterError(f'"{name}" has no order: write {name}:VALUE', at)
    return _status(term, field, at)


def _status(term: Term, field: Field, at: int) -> Term:
    choices = {"status": ("ok", "error"), "stream": ("yes", "no")}.get(field.word)
    if choices:
        _known(term, choices, field.word, at)
    return term


def _known(term: Term, known: Iterable[str], name: str, at: int) -> Term:
    if term.op is not Op.IS:
        raise FilterError(f'"{name}" has no order: write {name}:VALUE', at)
    choices = list(known)
    for text in term.texts:
        if text not in choices:
            near = difflib.get_close_matches(text, choices, n=1)
            told = f'did you mean "{near[0]}"?' if near else f"these are: {', '.join(choices)}"
            raise FilterError(f'"{name}:{text[:40]}" is not known; {told}', at)
    return Term(word=term.word, values=tuple(Value(text=text) for text in term.texts), negated=term.negated)


def _numbered(term: Term, kind: Kind, name: str, at: int) -> Term:
    if len(term.values) > 1 and term.op is not Op.IS:
        raise FilterError(f'"{name}" is compared with one number', at)
    values = tuple(Value(text=_number(value.text, kind, name, at)) for value in term.values)
    return Term(word=term.word, op=term.op, values=values, negated=term.negated)


def _number(text: str, kind: Kind, name: str, at: int) -> str:
    found = _NUMBER.fullmatch(text)
    units = _UNITS[kind]
    unit = found[2] if found else ""
    factor = units.get(unit.lower())
    if not found or factor is None:
        few = ", ".join(f"1{known}" for known in units if known) or "1.5"
        raise FilterError(f'"{text[:40]}" is no number for "{name}"; write it like {few}', at)
    try:
        amount = Decimal(found[1]) * factor
    except InvalidOperation:  # pragma: no cover  the pattern admits numbers only
        raise FilterError(f'"{text[:40]}" is no number', at) from None
    if abs(amount) > _LARGEST:
        raise FilterError(f'"{text[:40]}" is too large', at)
    return _decimal(amount)


def _decimal(amount: Decimal) -> str:
    text = f"{amount:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"", "-0"} else text


def _rendered(term: Term) -> str:
    minus = "-" if term.negated else ""
    if not term.word:
        text = term.values[0].text
        return f"{minus}{_quoted(text) if _HEAD.match(text) or text.startswith('-') else _plain(text)}"
    unit = "s" if kind_of(term) is Kind.SECONDS else ""
    return f"{minus}{term.word}{term.op}{','.join(_of_value(value) + unit for value in term.values)}"


def _of_value(value: Value) -> str:
    return value.text if value.pattern else _plain(value.text)


def _plain(text: str) -> str:
    return _quoted(text) if not text or _NEEDS_QUOTES.search(text) else text


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
