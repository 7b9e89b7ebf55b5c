"""Calls of a model whose end is announced: a warning in time, and more than that when the day is near.

Which models end, and when, the rule says; OpenAI tells it as `shutdown_date` of `GET /v1/models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar

from llmtrace_collector.watch.conditions.condition import Ask, Condition, Judged, Look
from llmtrace_collector.watch.groups import group_of
from llmtrace_collector.watch.measures import MEASURES, source_of
from llmtrace_collector.watch.scans import Need, number
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Retirement(Condition):
    """Models that end, and whether anybody still asks for them."""

    kind: ClassVar[str] = "retirement"
    rests_s = 60.0

    models: Mapping[str, date]
    """The first day on which each is gone, UTC."""
    window: timedelta
    """So recently a call must have been."""
    warning: timedelta
    critical: timedelta
    """Before the day."""

    def __hash__(self) -> int:
        """A mapping has none."""
        return hash((tuple(sorted(self.models.items())), self.window, self.warning, self.critical))

    @property
    def reach(self) -> timedelta:
        """The window."""
        return self.window

    @property
    def measure(self) -> str:
        """Calls."""
        return "calls"

    def needs(self, ask: Ask) -> Mapping[str, Need]:
        """Calls by model and what the rule groups by."""
        by = tuple(dict.fromkeys((*ask.rule.group_by, "model")))
        source = source_of("calls", {*by, *ask.rule.where})
        if source is None:
            raise ValueError("calls are not kept by these dimensions together")
        figures = {"calls": MEASURES["calls"].sql[source]}
        where = dict(ask.rule.where)
        need = Need(source=source, start=ask.now - self.window, end=ask.now, figures=figures, by=by, where=where)
        return {"calls": need}

    def judge(self, look: Look) -> Judged:
        """Each group that asks for a model of the list."""
        verdicts = {}
        for key, [point, *_] in look.readings["calls"].points.items():
            model = group_of(key).get("model", "")
            calls = float(number(point.figures["calls"]))
            if model in self.models and calls > 0:
                verdicts[key] = self._verdict(model, calls, look.now)
        return Judged(verdicts=verdicts)

    def _verdict(self, model: str, calls: float, now: datetime) -> Verdict:
        ends = datetime.combine(self.models[model], time(), UTC)
        left = ends - now
        severity = Severity.NONE
        if left <= self.critical:
            severity = Severity.CRITICAL
        elif left <= self.warning:
            severity = Severity.WARNING
        days = max(left // timedelta(days=1), 0)
        when = (
            f"in {days} {'day' if days == 1 else 'days'}, on {ends:%Y-%m-%d}"
            if left > timedelta(0)
            else f"since {ends:%Y-%m-%d}"
        )
        verb = "ends" if left > timedelta(0) else "is at its end"
        return Verdict(
            severity=severity,
            value=calls,
            limit=0,
            summary=f"{model} {verb} {when}, and {calls:,.0f} calls asked for it.",
        )
