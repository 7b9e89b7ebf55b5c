"""Dollars of a group over a rolling window, against a limit. Read by `watch.spend`, which asks for excess alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar

from llmtrace_collector.watch.conditions.condition import Ask, Condition, Judged, Look
from llmtrace_collector.watch.measures import Unit
from llmtrace_collector.watch.scans import Need
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Spend(Condition):
    """More than a limit of dollars."""

    kind: ClassVar[str] = "spend"

    window: timedelta
    """Whole minutes: the last N full minutes and the running one."""
    limit_usd: Decimal
    """The alert fires above this figure, not at it."""

    @property
    def reach(self) -> timedelta:
        """The window."""
        return self.window

    @property
    def measure(self) -> str:
        """Of the catalogue."""
        return "cost_usd"

    @property
    def unit(self) -> Unit:
        """Dollars."""
        return Unit.USD

    def needs(self, ask: Ask) -> Mapping[str, Need]:  # noqa: ARG002 - its scans are its own
        """Nothing."""
        return {}

    def judge(self, look: Look) -> Judged:  # noqa: ARG002 - see `verdict`
        """Nothing."""
        return Judged(verdicts={})

    def verdict(self, spent: Decimal, severity: Severity) -> Verdict:
        """Of one group."""
        asked = severity if spent > self.limit_usd else Severity.NONE
        return Verdict(severity=asked, value=spent, limit=self.limit_usd)
