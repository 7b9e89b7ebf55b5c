"""What a condition says of one group at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from llmtrace_collector.watch.severity import Severity

Number: TypeAlias = Decimal | float | int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A figure, judged."""

    severity: Severity
    """What the figure asks for by itself."""
    holding: Severity = Severity.NONE
    """The severity at which an alert that fires stays, although the figure no longer asks for it: hysteresis."""
    value: Number
    limit: Number
    """What `value` was held against: the limit of `severity`, or the nearest one."""
    expected: tuple[float, float] | None = None
    """Between which the figure was expected, where the rule learns that."""
    summary: str = ""
    """One sentence for people; empty: the channels make one of value and limit."""


def exact(number: Number) -> str:
    """A figure as text that says no more than it is: money to its last digit, floats as Python writes them."""
    return str(number) if isinstance(number, Decimal) else str(Decimal(repr(number)))
