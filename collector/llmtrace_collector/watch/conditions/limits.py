"""A figure against limits of two severities."""

from __future__ import annotations

from dataclasses import dataclass

from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.verdict import Number


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Beyond which a figure is too much, or too little. At least one of the two is there."""

    warning: Number | None = None
    critical: Number | None = None
    recover: Number | None = None
    """An alert stays until the figure is back on the good side of this; None: of the limit itself."""
    below: bool = False
    """Too little is what is wrong."""

    def severity(self, value: Number) -> Severity:
        """What the figure asks for: it must be beyond a limit, not at it."""
        if self._beyond(value, self.critical):
            return Severity.CRITICAL
        return Severity.WARNING if self._beyond(value, self.warning) else Severity.NONE

    def holding(self, value: Number) -> Severity:
        """What an alert that fires keeps: the milder severity there is, until `recover`."""
        if not self._beyond(value, self.recover):
            return Severity.NONE
        return Severity.CRITICAL if self.warning is None else Severity.WARNING

    def nearest(self, severity: Severity) -> Number:
        """The limit that a figure of this severity is held against."""
        found = self.critical if severity is Severity.CRITICAL or self.warning is None else self.warning
        if found is None:
            raise ValueError("limits without a limit")
        return found

    def _beyond(self, value: Number, limit: Number | None) -> bool:
        if limit is None:
            return False
        return value < limit if self.below else value > limit
