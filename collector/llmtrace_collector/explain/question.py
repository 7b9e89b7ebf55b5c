"""What is asked: which calls, when, compared with when, and in what they stand out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from llmtrace_collector.explain.attributes import BY_NAME
from llmtrace_collector.explain.measures import AMOUNTS, CONDITIONS, QUANTILES

SHORTEST_REFERENCE = timedelta(hours=1)
"""Of a shorter window the hour before it is the reference: a few calls tell nothing."""

LONGEST_REFERENCE = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Window:
    """A stretch of time, `start <= t < end`, both aware."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start

    @property
    def before(self) -> Window:
        """What comes just before it: as long, but of an hour at least and seven days at most."""
        length = min(max(self.length, SHORTEST_REFERENCE), LONGEST_REFERENCE)
        return Window(start=self.start - length, end=self.start)


@dataclass(frozen=True, kw_only=True)
class Question:
    """Why do these calls stand out? By `measure` it is one of four kinds.

    - a condition (`errors`, `refusals`, ...): which attributes have the calls that meet it, and the others not;
    - a quantile (`latency`, `time_to_first_token`): of calls above `threshold`, else the reference's p95;
    - an amount (`cost`, `tokens`, `calls`, ...): which values the change of the sum comes from.
    """

    measure: str
    """Of CONDITIONS, ATTRIBUTES, QUANTILES or AMOUNTS."""
    window: Window
    reference: Window
    """What to compare with: `window.before`, the same hours a week ago, ...; not overlapping `window`."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """Values by name of an attribute: only calls that have all of them; `''` is a value, too."""
    threshold: float | None = None
    """Of a quantile, in the measure's unit; None: the reference's p95."""
    fallback: float | None = None
    """The threshold where the reference has too few calls for a p95; None: then there is no answer."""
    value: str = ""
    """Of an attribute."""
    fall: bool = False
    """Of an amount: it fell, and that is to be explained."""

    def __post_init__(self) -> None:
        """Refuses what nobody can answer.

        Raises:
            ValueError: an unknown measure or attribute, or a window without length.
        """
        known = [*CONDITIONS, *QUANTILES, *AMOUNTS, *BY_NAME]
        if self.measure not in known:
            raise ValueError(f'measure: "{self.measure}" is not known; known: {", ".join(known)}')
        for name in self.filters:
            if name not in BY_NAME:
                raise ValueError(f"filters.{name}: no such attribute; known: {', '.join(BY_NAME)}")
        for name, window in (("window", self.window), ("reference", self.reference)):
            if window.end <= window.start:
                raise ValueError(f"{name}: it ends at {window.end}, before it starts")
