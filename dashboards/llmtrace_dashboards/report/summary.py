"""What is plain data of a report, from its days to its alerts: `asking` makes it, the other modules draw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from llmtrace_dashboards.measures.month import Month
from llmtrace_dashboards.panels.compared import Compared, Row
from llmtrace_dashboards.report.days import Days
from llmtrace_dashboards.state.ranges import Window
from llmtrace_dashboards.state.view import View


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one value of what spend is split by comes to, in both periods."""

    value: str
    usd: Decimal | None
    """None: nothing with a known price."""
    usd_before: Decimal | None
    calls: int
    calls_before: int
    unpriced: int

    @property
    def more_usd(self) -> Decimal:
        """By how much it is dearer."""
        return (self.usd or Decimal(0)) - (self.usd_before or Decimal(0))

    @property
    def more_calls(self) -> int:
        """By how many calls it is larger."""
        return self.calls - self.calls_before


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day of the period."""

    day: date
    window: Window
    calls: Row | None
    """None: there were none."""
    waits: Row | None


@dataclass(frozen=True, kw_only=True)
class Fired:
    """A rule that fired in the period."""

    rule: str
    times: int
    """How often one of its alerts fired."""
    groups: int
    longest_ms: int
    """Of those times, within the period."""
    longest_for: Mapping[str, str]
    """The group it was of."""
    event_id: str
    """With which that began."""
    still: int
    """How many fired at the end of the period."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """All of a report."""

    days: Days
    view: View
    """Of the period: what links carry."""
    now_ms: int
    calls: Compared
    waits: Compared
    charted: Window
    """The period with the buckets of `calls`; `waits_charted` with those of `waits`."""
    waits_charted: Window
    from_hours: bool
    """There were too many spans to read: figures are of whole hours, percentiles estimates."""
    by_day: tuple[Day, ...]
    parts: Mapping[str, tuple[Part, ...]]
    """By model, feature and user: dearest first, and all that are not listed as one of the value `spend.REST`."""
    stacked: tuple[Row, ...]
    """Dollars by model and bucket."""
    stacked_order: tuple[str, ...]
    stacked_window: Window
    month: Month | None
    errors: tuple[tuple[str, int, int], ...]
    """Type, failed calls, and those of before."""
    fired: tuple[Fired, ...]
    changes: tuple[Row, ...]
    """Models and versions that only one of the periods had."""
    estimated: tuple[int, float | None]
    """Calls whose tokens are estimates, and dollars of those, which are in no sum."""
    newest_ms: int | None
    """When the newest span was, of any time and project; None: there is none."""
    missing: tuple[str, ...]
    """A sentence for each part that took the store too long."""

    @property
    def empty(self) -> bool:
        """There was no call."""
        return self.calls.now.whole is None
