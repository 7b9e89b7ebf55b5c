"""A budget of dollars for a calendar period: spent so far, forecast to the end, and spent too fast.

Each threshold is an alert of its own, `{"threshold": "80 %"}` in its group, so that each is told once a period: what
has been spent stays spent until the period ends, also when a correction takes a little of it back.
Burn rates: SRE Workbook (Beyer et al., 2018), ch. 5, "multiwindow, multi-burn-rate alerts", with dollars for errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np

from llmtrace import forecasts
from llmtrace_collector.watch.conditions.condition import Ask, Condition, Judged, Look
from llmtrace_collector.watch.groups import EVERYTHING, group_key, group_of
from llmtrace_collector.watch.measures import MEASURES, Source, Unit, kept_in
from llmtrace_collector.watch.periods import Length, Period, period_of
from llmtrace_collector.watch.scans import Need, Point, number
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.verdict import Verdict
from llmtrace_collector.watch.words import dollars, lasting

LABEL = "threshold"
HISTORY = timedelta(days=40)
"""As long as spend_1m keeps its rows."""
_HOUR_S = 3600
_SHORT = 12
"""A burn rate must also hold over this part of its window, so that it ends soon after the burning does."""
_LEAST_DAYS = 3
"""Of history that a forecast takes."""


@dataclass(frozen=True, kw_only=True)
class Burn:
    """Dollars at so many times the pace that the budget allows, over a window."""

    window: timedelta
    times: float

    @property
    def label(self) -> str:
        """Its name in a group."""
        return f"{self.times:g}x over {lasting(self.window)}"


@dataclass(frozen=True, kw_only=True)
class Budget(Condition):
    """Dollars of a calendar period against a limit."""

    kind: ClassVar[str] = "spend"
    labels: ClassVar[tuple[str, ...]] = (LABEL,)

    length: Length
    zone: ZoneInfo
    limit_usd: Decimal
    thresholds: tuple[float, ...] = (0.8, 1.0)
    """Shares of the limit that are told of once spent."""
    forecast: tuple[float, ...] = ()
    """Shares of the limit that are told of once expected by the end of the period."""
    burns: tuple[Burn, ...] = ()

    @property
    def reach(self) -> timedelta:
        """About a period."""
        return {Length.DAY: timedelta(days=1), Length.WEEK: timedelta(days=7), Length.MONTH: timedelta(days=31)}[
            self.length
        ]

    @property
    def measure(self) -> str:
        """Of the catalogue."""
        return "cost_usd"

    @property
    def unit(self) -> Unit:
        """Dollars."""
        return Unit.USD

    def needs(self, ask: Ask) -> Mapping[str, Need]:
        """What was spent in the period; hours of late where there is a forecast; two windows for each burn rate."""
        dimensions = {*ask.rule.group_by, *ask.rule.where}
        source = kept_in("cost_usd", dimensions, window_s=0)
        period = period_of(ask.now, self.length, self.zone)

        def need(start: datetime, step_s: int = 0) -> Need:
            return Need(
                source=source,
                start=_whole_minute(start) if source is Source.SPEND_1M else start,
                end=ask.now,
                figures={"usd": MEASURES["cost_usd"].select(source)},
                by=ask.rule.group_by,
                where=ask.rule.where,
                step_s=step_s,
            )

        found = {"spent": need(period.start)}
        if self.forecast:
            found["hours"] = need(_whole_hour(ask.now) - HISTORY, _HOUR_S)
        for burn in self.burns:
            found[burn.label] = need(ask.now - burn.window)
            found[f"{burn.label}, short"] = need(ask.now - burn.window / _SHORT)
        return found

    def judge(self, look: Look) -> Judged:
        """A verdict for each group and threshold."""
        period = period_of(look.now, self.length, self.zone)
        spent = {key: _usd(points[0]) for key, points in look.readings["spent"].points.items()}
        spent |= {key: Decimal(0) for key in self._known(look) if key not in spent}
        verdicts: dict[str, Verdict] = {}
        for key, usd in spent.items():
            for label, verdict in self._of_group(look, period, key, usd):
                name = group_key({**group_of(key), LABEL: label})
                live = look.live.get(name)
                spent_since = live.since if live and not self._burns(label) else None
                stays = spent_since is not None and spent_since >= period.start
                verdicts[name] = _held(verdict, live.severity) if live and stays else verdict
        return Judged(verdicts=verdicts)

    def _known(self, look: Look) -> Iterator[str]:
        """Groups that have an alert, by the key that they are read under."""
        if not look.rule.group_by:
            yield EVERYTHING
        for key in look.live:
            yield group_key({name: value for name, value in group_of(key).items() if name != LABEL})

    def _burns(self, label: str) -> bool:
        return any(burn.label == label for burn in self.burns)

    def _of_group(self, look: Look, period: Period, key: str, usd: Decimal) -> Iterator[tuple[str, Verdict]]:
        for share in self.thresholds:
            limit = self.limit_usd * Decimal(repr(share))
            asked = _severity(look.rule.severity, share) if usd > limit else Severity.NONE
            sentence = f"{dollars(usd)} of {dollars(self.limit_usd)} a {self.length} are spent, above {share:.0%}."
            yield f"{share:.0%}", Verdict(severity=asked, value=usd, limit=limit, summary=sentence)
        if self.forecast:
            yield from self._forecasts(look, period, key, usd)
        for burn in self.burns:
            yield burn.label, self._burn(look, period, key, burn)

    def _forecasts(self, look: Look, period: Period, key: str, usd: Decimal) -> Iterator[tuple[str, Verdict]]:
        days = _days(look.readings["hours"].points.get(key, ()), look.now)
        if days.size < _LEAST_DAYS:
            return
        ahead = forecasts.ahead(days, (period.end - look.now) / timedelta(days=1))
        expected = usd + Decimal(repr(round(ahead.expected, 6)))
        low, high = float(usd) + ahead.low, float(usd) + ahead.high
        for share in self.forecast:
            limit = self.limit_usd * Decimal(repr(share))
            sentence = (
                f"{dollars(expected)} are expected by the end of the {self.length} ({dollars(low)} to {dollars(high)}"
                f" with a probability of 80 %); {share:.0%} of the budget is {dollars(limit)}."
            )
            asked = Severity.WARNING if expected > limit else Severity.NONE
            yield (
                f"forecast {share:.0%}",
                Verdict(severity=asked, value=expected, limit=limit, expected=(low, high), summary=sentence),
            )

    def _burn(self, look: Look, period: Period, key: str, burn: Burn) -> Verdict:
        pace = self.limit_usd / Decimal(period.length // timedelta(seconds=1))
        paces = []
        for name, window in ((burn.label, burn.window), (f"{burn.label}, short", burn.window / _SHORT)):
            points = look.readings[name].points.get(key, ())
            usd = _usd(points[0]) if points else Decimal(0)
            paces.append(usd / Decimal(window // timedelta(seconds=1)))
        limit = pace * Decimal(repr(burn.times))
        asked = look.rule.severity if min(paces) > limit else Severity.NONE
        over = Decimal(burn.window // timedelta(seconds=1))
        times = float(paces[0] / pace) if pace else 0.0
        sentence = (
            f"{dollars(paces[0] * over)} over {lasting(burn.window)} is {times:.3g} times the pace of"
            f" {dollars(self.limit_usd)} a {self.length}."
        )
        return Verdict(severity=asked, value=paces[0] * over, limit=limit * over, summary=sentence)


def _severity(most: Severity, share: float) -> Severity:
    return most if share >= 1 else Severity.WARNING


def _held(verdict: Verdict, severity: Severity) -> Verdict:
    return Verdict(
        severity=verdict.severity,
        holding=severity,
        value=verdict.value,
        limit=verdict.limit,
        expected=verdict.expected,
        summary=verdict.summary,
    )


def _usd(point: Point) -> Decimal:
    usd = number(point.figures["usd"])
    return usd if isinstance(usd, Decimal) else Decimal(repr(usd))


def _days(
    points: tuple[Point, ...] | list[Point] | object, now: datetime
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Whole days of 24 hours that end now, oldest first, from the first one with spend on."""
    by_hour = {point.at_s: float(_usd(point)) for point in points} if points else {}  # type: ignore[attr-defined]
    end_s = int(_whole_hour(now).timestamp())
    count = int(HISTORY / timedelta(days=1))
    days = [
        sum(by_hour.get(end_s - (day * 24 + hour + 1) * _HOUR_S, 0.0) for hour in range(24)) for day in range(count)
    ][::-1]
    first = next((n for n, usd in enumerate(days) if usd > 0), count)
    return np.array(days[first:])


def _whole_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _whole_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
