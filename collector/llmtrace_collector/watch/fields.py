"""Reads hand-written mappings: every mistake is noted with its full path, and reading goes on.

A mistake says what was seen, where, and what to do: `rules[0].window: "5 minutes" is not a duration; write "5m"`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from llmtrace_collector.watch import durations

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import timedelta

_MOST_DOLLARS = Decimal(10) ** 15
_DECIMALS = 12


@dataclass(frozen=True, kw_only=True)
class Mistakes:
    """What is wrong with one file, in the order in which it was met."""

    found: list[str] = field(default_factory=list)

    def add(self, path: str, sentence: str) -> None:
        """Notes a mistake at `path`; an empty path is the file as a whole."""
        self.found.append(f"{path}: {sentence}" if path else sentence)


class Fields:
    """The keys of one mapping, read one by one; what was never asked for is reported by `finish`."""

    def __init__(self, value: dict[Any, Any], path: str, mistakes: Mistakes) -> None:
        self.path = path
        self._value = value
        self.mistakes = mistakes
        self._asked: set[str] = set()

    def at(self, key: str) -> str:
        """The full path of `key`."""
        return f"{self.path}.{key}" if self.path else key

    def wrong(self, key: str, sentence: str) -> None:
        """Notes a mistake in the value of `key`."""
        self.mistakes.add(self.at(key), sentence)

    def get(self, key: str) -> Any:
        """The value as it stands in the file; None when it is absent or null."""
        self._asked.add(key)
        return self._value.get(key)

    def required(self, key: str, example: str) -> Any:
        """The value of `key`; its absence is a mistake."""
        value = self.get(key)
        if value is None:
            self.wrong(key, f"is missing; write it like {example}")
        return value

    def text(self, key: str, example: str) -> str | None:
        """A text that must be there and not be blank."""
        value = self.required(key, example)
        if value is None or (isinstance(value, str) and value.strip() and value.isprintable()):
            return value
        self.wrong(key, f"{kind_of(value)} stands where a text belongs; write it like {example}")
        return None

    def duration(self, key: str, example: str, default: timedelta | None = None) -> timedelta | None:
        """A duration; without a default it must be there."""
        value = self.required(key, example) if default is None else self.get(key)
        if value is None:
            return default
        try:
            return durations.parse(value if isinstance(value, str) else json.dumps(value, default=str))
        except ValueError as error:
            self.wrong(key, str(error))
            return None

    def dollars(self, key: str, example: str) -> Decimal | None:
        """An amount of money of zero or more."""
        value = self.required(key, example)
        if value is None:
            return None
        amount = _decimal(value)
        if amount is None or not 0 <= amount <= _MOST_DOLLARS:
            self.wrong(key, f"{seen(value)} is not an amount of dollars of zero or more; write it like {example}")
            return None
        if amount != round(amount, _DECIMALS):
            self.wrong(key, f"{seen(value)} has more than {_DECIMALS} decimals; money is kept to {_DECIMALS}")
            return None
        return amount

    def number(self, key: str, example: str, default: float | None = None) -> float | None:
        """A finite number; `5%` is 0.05. Without a default it must be there."""
        value = self.required(key, example) if default is None else self.get(key)
        if value is None:
            return default
        found = number_of(value)
        if found is None:
            self.wrong(key, f"{seen(value)} is not a number; write it like {example}")
        return found

    def whole(self, key: str, example: str, default: int) -> int | None:
        """A whole number of zero or more."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_DOLLARS:
            return value
        self.wrong(key, f"{seen(value)} is not a whole number of zero or more; write it like {example}")
        return None

    def choice(self, key: str, known: Collection[str], what: str, default: str | None = None) -> str | None:
        """One of a few words. Without a default it must be there."""
        value = self.required(key, min(known)) if default is None else self.get(key)
        if value is None:
            return default
        wrong = one_of(value, known, what)
        if wrong:
            self.wrong(key, wrong)
            return None
        return str(value)

    def items(self, key: str, example: str) -> list[Any]:
        """A list; absent or null is the empty one."""
        value = self.get(key)
        if isinstance(value, list):
            return value
        if value is not None:
            self.wrong(key, f"{kind_of(value)} stands where a list belongs; write it like {example}")
        return []

    def mapping(self, value: object, path: str, example: str) -> Fields | None:
        """`value`, found at `path`, as a mapping to read on."""
        if isinstance(value, dict):
            return Fields(value, path, self.mistakes)
        self.mistakes.add(path, f"{kind_of(value)} stands where a mapping belongs; write it like {example}")
        return None

    def finish(self) -> None:
        """Reports the keys that nobody asked for."""
        for key in self._value:
            if key not in self._asked:
                path = self.at(key if isinstance(key, str) else seen(key))
                self.mistakes.add(path, f"is not a known key; {_advice(str(key), self._asked)}")


def number_of(value: object) -> float | None:
    """A finite number, or a percentage as a share; None: neither."""
    if isinstance(value, str) and value.strip().endswith("%"):
        share = _decimal(value.strip()[:-1])
        return None if share is None else float(share / 100)
    found = _decimal(value)
    return None if found is None or abs(found) > _MOST_DOLLARS else float(found)


def one_of(value: object, known: Collection[str], what: str) -> str | None:
    """A sentence when `value` is not one of `known`; None when it is."""
    if isinstance(value, str) and value in known:
        return None
    return f"{seen(value)} is not {what}; {_advice(str(value), known)}"


def _advice(word: str, known: Collection[str]) -> str:
    close = get_close_matches(word, sorted(known), n=1)
    return f'did you mean "{close[0]}"?' if close else f"known: {', '.join(sorted(known))}"


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def seen(value: object) -> str:
    """`value` as a message shows it, cut to a readable length."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def kind_of(value: object) -> str:
    """What `value` is, without showing it: it may hold a secret."""
    if isinstance(value, str) and not (value.strip() and value.isprintable()):
        return "a blank or unprintable text"
    names = {str: "a text", list: "a list", dict: "a mapping", bool: "a truth value", type(None): "nothing"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "a value")
