"""Matchers, as Alertmanager has them: `user=alice`, `severity!=critical`, `rule=~"daily-.*"`. All of several must hold.

A label that an alert does not have is the empty text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from llmtrace_collector.watch.policy.patterns import Pattern

_FORM = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!=|=)\s*(.*?)\s*", re.DOTALL)
_EXAMPLE = 'write it like user=alice, user!=alice or rule=~"daily-.*"'


@dataclass(frozen=True, kw_only=True)
class Matcher:
    """One condition on one label."""

    label: str
    operator: str
    """`=`, `!=`, or `=~`: the whole value is of this form."""
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is meant."""
        found = labels.get(self.label, "")
        if self.operator == "=~":
            return _pattern(self.value).matches(found)
        return (found == self.value) is (self.operator == "=")

    def __str__(self) -> str:
        return f"{self.label}{self.operator}{json.dumps(self.value, ensure_ascii=False)}"


@lru_cache(maxsize=1_000)
def _pattern(text: str) -> Pattern:
    return Pattern(text)


def parse(text: str) -> Matcher:
    """The matcher that `text` stands for; quotes around the value are optional.

    Raises:
        ValueError: it is of another form; the message says what to write instead.
    """
    found = _FORM.fullmatch(text)
    if not found:
        raise ValueError(f"{json.dumps(text, ensure_ascii=False)} is no matcher; {_EXAMPLE}")
    label, operator, value = found.groups()
    if value.startswith('"'):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(f"{text} has a value whose quotes do not close; {_EXAMPLE}") from None
    if operator == "=~":
        try:
            _pattern(value)
        except ValueError as error:
            raise ValueError(f"{error}; see docs/reference/alerts.md for what patterns may hold") from None
    return Matcher(label=label, operator=operator, value=value)


def all_match(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether every one of `matchers` means an alert with these labels."""
    return all(matcher.matches(labels) for matcher in matchers)
