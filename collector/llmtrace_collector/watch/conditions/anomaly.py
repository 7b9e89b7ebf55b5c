"""A measure is far from what it should be at this hour, by group, up or down (`detectors.baselines`).

The last closed step of each group is judged by those before it. The past is read anew each time, so that late spans
change it and a restart loses nothing; what was read before and has not changed is not computed again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, TypeAlias

from llmtrace_collector.detectors.baselines import Baseline, Judgement, Limits, Pool
from llmtrace_collector.watch.conditions.condition import Ask, Judged, Look, OfMeasure
from llmtrace_collector.watch.measures import MEASURES, Unit, kept_in
from llmtrace_collector.watch.scans import Need, Point, number
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.times import whole_steps
from llmtrace_collector.watch.verdict import Verdict
from llmtrace_collector.watch.words import lasting, shown

PAST = {300: 2016, 900: 1344, 3600: 672, 86_400: 56}
"""Steps of the past by their length in seconds: a week of 5 m, two of 15 m, four of 1 h, eight of 1 d."""
SCORE = 0.9999
_BACK = 0.99
"""An alert stays while a step is as improbable as this."""

Step: TypeAlias = tuple[int, float, int]
"""Begin, seconds since 1970; value; calls."""


class Direction(StrEnum):
    """Which way is wrong."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


@dataclass(frozen=True, kw_only=True)
class Anomaly(OfMeasure):
    """A figure that its own past does not explain."""

    kind: ClassVar[str] = "anomaly"

    step: timedelta = timedelta(hours=1)
    direction: Direction = Direction.BOTH
    score: float = SCORE
    """One minus the tail probability from which a step is an anomaly."""
    min_effect: float = 0.5
    """Least distance from the expected, as a share of it."""
    min_calls: int = 20
    """In the step, or, of amounts of calls, expected in it: a silence where many were expected is seen."""

    @property
    def rests_s(self) -> float:  # type: ignore[override]
        """Steps that are closed change by late spans alone."""
        return min(60.0, self.step.total_seconds() / 10)

    @property
    def reach(self) -> timedelta:
        """A step."""
        return self.step

    def needs(self, ask: Ask) -> Mapping[str, Need]:
        """Closed steps of the past."""
        step_s = int(self.step.total_seconds())
        end = whole_steps(ask.now, step_s)
        dimensions = {*ask.rule.group_by, *ask.rule.where}
        source = kept_in(self.name, dimensions, window_s=PAST[step_s] * step_s if step_s >= 3600 else 0)
        return {
            "steps": Need(
                source=source,
                start=end - PAST[step_s] * self.step,
                end=end,
                figures={"value": MEASURES[self.name].select(source)},
                by=ask.rule.group_by,
                where=ask.rule.where,
                step_s=step_s,
            )
        }

    def judge(self, look: Look) -> Judged:
        """The last closed step of each group that is old enough to be judged."""
        step_s = int(self.step.total_seconds())
        last_s = int(whole_steps(look.now, step_s).timestamp()) - step_s
        read = look.readings["steps"].points
        series = tuple((key, tuple(self._steps(read[key], last_s, step_s))) for key in sorted(read))
        limits = Limits(
            score=self.score,
            least_effect=self.min_effect,
            least_volume=float(self.min_calls) if MEASURES[self.name].unit is not Unit.USD else 0.0,
            direction=self.direction.value,
        )
        found = _judged(series, step_s, last_s, limits, MEASURES[self.name].adds)
        return Judged(
            verdicts={key: self._verdict(look, value, told) for key, value, told in found if told.reason != "young"}
        )

    def _steps(self, points: Sequence[Point], last_s: int, step_s: int) -> Iterator[Step]:
        """Of amounts every step since the first, of other figures those that have one."""
        by_step = {point.at_s: point for point in points if point.at_s <= last_s}
        if not by_step:
            return
        adds = MEASURES[self.name].adds
        for at in range(min(by_step), last_s + step_s, step_s) if adds else sorted(by_step):
            point = by_step.get(at)
            value = point.figures["value"] if point else 0.0
            if value is not None:
                yield at, abs(float(number(value))), point.calls if point else 0

    def _verdict(self, look: Look, value: float, told: Judgement) -> Verdict:
        severity = look.rule.severity
        stays = told.unusual or (told.score >= _BACK and told.reason in {"usual", "small effect"})
        limit = told.high if value >= told.expected else told.low
        return Verdict(
            severity=severity if told.unusual else Severity.NONE,
            holding=severity if stays else Severity.NONE,
            value=value,
            limit=limit if math.isfinite(limit) else told.expected,
            expected=(told.low, told.high if math.isfinite(told.high) else told.expected),
            summary=self._sentence(value, told),
        )

    def _sentence(self, value: float, told: Judgement) -> str:
        measure = MEASURES[self.name]
        title = measure.title[0].upper() + measure.title[1:]
        figures = [shown(each, measure.unit) for each in (value, told.low, told.high, told.expected)]
        return (
            f"{title} over {lasting(self.step)}: {figures[0]}, where {figures[1]} to {figures[2]} was to be expected"
            f" at this hour ({figures[3]} in the middle)."
        )


@lru_cache(maxsize=64)
def _judged(
    series: tuple[tuple[str, tuple[Step, ...]], ...], step_s: int, last_s: int, limits: Limits, is_amount: bool
) -> tuple[tuple[str, float, Judgement], ...]:
    """The last step of each series that has one, step by step side by side, so that the pool knows no later ones."""
    pool, groups = Pool(), {key: Baseline(step_s=float(step_s)) for key, _ in series}
    steps = sorted((at, key, value, calls) for key, of_group in series for at, value, calls in of_group)
    found = []
    for at, key, value, calls in steps:
        volume = None if is_amount else float(calls)
        told = groups[key].update(float(at), value, limits, volume=volume, pool=pool)
        if at == last_s:
            found.append((key, value, told))
    return tuple(found)
