"""What every kind of rule answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from llmtrace_collector.watch.measures import MEASURES, Unit
from llmtrace_collector.watch.scans import Need, Reading

if TYPE_CHECKING:
    from llmtrace_collector.watch.rule import Rule
    from llmtrace_collector.watch.states import Standing
    from llmtrace_collector.watch.verdict import Verdict

Memory = Mapping[str, Any]
"""What a condition keeps from one evaluation to the next, by group key: JSON values."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What a condition needs to know to say what it needs."""

    rule: Rule
    now: datetime
    """The end of the windows: the time of the evaluation less the rule's delay."""
    memory: Memory = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a condition judges by."""

    rule: Rule
    now: datetime
    """The end of the windows: the time of the evaluation less the rule's delay."""
    readings: Mapping[str, Reading]
    """By the names of `needs`."""
    live: Mapping[str, Standing] = field(default_factory=dict)
    """Pending and firing alerts of the rule, by group key."""
    memory: Memory = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a condition says."""

    verdicts: Mapping[str, Verdict]
    """By group key. A group that is not here has no figure."""
    memory: Memory | None = None
    """What to keep; None: what was kept before."""


class Condition(ABC):
    """One kind of rule with its parameters."""

    kind: ClassVar[str]
    labels: ClassVar[tuple[str, ...]] = ()
    """Keys that the condition adds to a group, such as which threshold of a budget it is."""
    rests_s: float = 0.0
    """Seconds at least between two evaluations: what is closed does not change every 5 seconds."""

    @property
    @abstractmethod
    def reach(self) -> timedelta:
        """How far back the calls behind an alert go."""

    @property
    def measure(self) -> str:
        """The name of the measure; empty: none of the catalogue."""
        return ""

    @property
    def unit(self) -> Unit:
        """Of value and limit."""
        return Unit.COUNT

    @abstractmethod
    def needs(self, ask: Ask) -> Mapping[str, Need]:
        """What to read, by names of its own.

        Raises:
            ValueError: no table has it.
        """

    @abstractmethod
    def judge(self, look: Look) -> Judged:
        """A verdict for each group that has a figure."""


@dataclass(frozen=True, kw_only=True)
class OfMeasure(Condition):
    """A kind of rule about one measure of the catalogue."""

    name: str
    """Of the measure."""

    @property
    def measure(self) -> str:
        """Of the catalogue."""
        return self.name

    @property
    def unit(self) -> Unit:
        """That of the measure."""
        return MEASURES[self.name].unit
