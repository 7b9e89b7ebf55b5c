"""A filter as data: terms that narrow, each with values that widen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Op(StrEnum):
    """How a term compares."""

    IS = ":"
    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="


@dataclass(frozen=True, kw_only=True)
class Value:
    """What a term compares with."""

    text: str
    """Of a number: a decimal in the field's own unit, such as `3` for `3000ms`."""
    pattern: bool = False
    """A star in it stands for any text."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """One condition."""

    word: str
    """A word of `FIELDS`, `is`, `has`, a name such as `score.faithfulness`, or '': words of the captured text."""
    op: Op = Op.IS
    values: tuple[Value, ...]
    """At least one; exactly one unless `op` is IS."""
    negated: bool = False

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as texts."""
        return tuple(value.text for value in self.values)

    @property
    def plain(self) -> bool:
        """Whether it is nothing but equality with one or several values."""
        return self.op is Op.IS and not self.negated and not any(value.pattern for value in self.values)
