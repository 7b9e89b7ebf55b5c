"""A service level objective: so large a share of calls is good, and how fast the budget for bad ones is used up.

    burn rate = share of bad calls / share that the objective allows;   1 uses the budget up in its window, exactly

Four pairs of windows, each a long one that tells that much is lost and a twelfth of it that tells that it still is:
2 % of the budget in 1 h, 5 % in 6 h (critical), 10 % in 1 d, 10 % in 3 d (warning).
Source: SRE Workbook (Beyer et al., 2018), ch. 5, table 5-8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from llmtrace_collector.watch.conditions.condition import Ask, Condition, Judged, Look
from llmtrace_collector.watch.measures import MEASURES, Source, Unit, kept_in
from llmtrace_collector.watch.scans import Need
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.verdict import Verdict
from llmtrace_collector.watch.windows import start
from llmtrace_collector.watch.words import lasting, shown

SLOW = ("latency", "ttft")
"""Bad is what takes longer than `within`."""
_COLUMNS = {"latency": "duration_ns", "ttft": "time_to_first_token_ns"}
_SHORT = 12


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A long window and the burn rate that is too fast over it."""

    window: timedelta
    share: float
    """Of the budget that may be lost in it."""
    severity: Severity

    def rate(self, budget: timedelta) -> float:
        """The burn rate that loses `share` of the budget in `window`."""
        return self.share * (budget / self.window)


PAIRS = (
    Pair(window=timedelta(hours=1), share=0.02, severity=Severity.CRITICAL),
    Pair(window=timedelta(hours=6), share=0.05, severity=Severity.CRITICAL),
    Pair(window=timedelta(days=1), share=0.10, severity=Severity.WARNING),
    Pair(window=timedelta(days=3), share=0.10, severity=Severity.WARNING),
)


@dataclass(frozen=True, kw_only=True)
class Objective(Condition):
    """Burn rates of an error budget."""

    kind: ClassVar[str] = "objective"

    name: str
    """A share of the catalogue, or one of `SLOW`."""
    target: float
    """The share of good calls, below 1."""
    within_s: float = 0.0
    """For `SLOW`."""
    budget: timedelta = timedelta(days=30)
    min_calls: int = 20
    """In the long window; on fewer a single failure would be a fast burn."""

    @property
    def reach(self) -> timedelta:
        """The longest window."""
        return PAIRS[-1].window

    @property
    def measure(self) -> str:
        """Of the catalogue."""
        return f"{self.name}_p95" if self.name in SLOW else self.name

    def needs(self, ask: Ask) -> Mapping[str, Need]:
        """Bad calls and all, over eight windows."""
        dimensions = {*ask.rule.group_by, *ask.rule.where}
        if self.name in SLOW:
            source = Source.SPANS
            column = _COLUMNS[self.name]
            figures = {
                "bad": f"countIf({column} > {round(self.within_s * 1e9)})",
                "all": f"countIf(isNotNull({column}))",
            }
        else:
            source = kept_in(self.name, dimensions, window_s=0, parts=True)
            figures = {"bad": MEASURES[self.name].part[source], "all": MEASURES[self.name].whole[source]}
        found = {}
        for pair in PAIRS:
            for name, window in (
                (f"{pair.share} {pair.window}", pair.window),
                (f"short {pair.window}", pair.window / _SHORT),
            ):
                begin = start(ask.now, window) if source is Source.SPEND_1M else ask.now - window
                found[name] = Need(
                    source=source, start=begin, end=ask.now, figures=figures, by=ask.rule.group_by, where=ask.rule.where
                )
        return found

    def judge(self, look: Look) -> Judged:
        """The worst pair of each group that had calls in the longest window."""
        longest = look.readings[f"{PAIRS[-1].share} {PAIRS[-1].window}"].points
        return Judged(verdicts={key: self._of_group(look, key) for key in longest})

    def _of_group(self, look: Look, key: str) -> Verdict:
        worst: Verdict | None = None
        for pair in PAIRS:
            bad, count = self._counts(look, f"{pair.share} {pair.window}", key)
            short_bad, short_count = self._counts(look, f"short {pair.window}", key)
            burn, short = self._burn(bad, count), self._burn(short_bad, short_count)
            limit = pair.rate(self.budget)
            fast = min(burn, short) > limit and count >= self.min_calls
            verdict = Verdict(
                severity=pair.severity if fast else Severity.NONE,
                value=burn,
                limit=limit,
                summary=self._sentence(pair, burn, bad, count),
            )
            if worst is None or (verdict.severity, burn / limit) > (
                worst.severity,
                float(worst.value) / float(worst.limit),
            ):
                worst = verdict
        if worst is None:
            raise ValueError("an objective without windows")
        return worst

    def _counts(self, look: Look, name: str, key: str) -> tuple[float, float]:
        points = look.readings[name].points.get(key)
        figures = points[0].figures if points else {}
        return float(figures.get("bad") or 0), float(figures.get("all") or 0)

    def _burn(self, bad: float, count: float) -> float:
        return bad / count / (1 - self.target) if count else 0.0

    def _sentence(self, pair: Pair, burn: float, bad: float, count: float) -> str:
        what = f"took longer than {shown(self.within_s, Unit.SECONDS)}" if self.name in SLOW else "were bad"
        share = shown(bad / count if count else 0.0, Unit.SHARE)
        left = f"; at this pace the budget of {lasting(self.budget)} lasts {self._lasts(burn)}" if burn > 1 else ""
        return (
            f"{share} of {count:,.0f} calls over {lasting(pair.window)} {what}, {burn:.3g} times what an objective of"
            f" {self.target:.6g} allows{left}."
        )

    def _lasts(self, burn: float) -> str:
        hours = self.budget / timedelta(hours=1) / burn
        return f"{hours / 24:.2g} days" if hours >= 48 else f"{hours:.2g} hours"
