"""The calls of a window are not like those of the reference: numbers by their distribution, shares by their rate.

Windows are closed and lie side by side, so that each is tested once; p-values are calibrated with what windows differ
by while nothing changes, and a least effect is asked for beside them (`detectors.batches`, `detectors.rates`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from llmtrace_collector.detectors import batches, rates
from llmtrace_collector.watch.conditions.condition import Ask, Judged, Look, OfMeasure
from llmtrace_collector.watch.measures import MEASURES, Source, Unit
from llmtrace_collector.watch.scans import Need, Reading
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.times import whole_steps
from llmtrace_collector.watch.verdict import Verdict
from llmtrace_collector.watch.words import lasting, shown

SAMPLE = 1_000
"""Calls of a window that are looked at, and five times as many of the reference."""
_SEED = 7
_LEAST_REFERENCE = 100


@dataclass(frozen=True, kw_only=True)
class Drift(OfMeasure):
    """A distribution or a rate against a reference."""

    kind: ClassVar[str] = "drift"

    window: timedelta
    reference: timedelta | None = None
    """Back from the window; None: `against` says which."""
    fixed: tuple[datetime, datetime] | None = None
    """A reference that stays: from, to."""
    against: tuple[str, str] | None = None
    """The calls of the window with another value of a dimension: `("prompt_version", "7")`."""
    significance: float = batches.SIGNIFICANCE
    min_effect: float = 0.25
    """Standard deviations for numbers, share of the reference's for rates."""
    min_calls: int = 50

    @property
    def rests_s(self) -> float:  # type: ignore[override]
        """Windows that are closed change by late spans alone."""
        return min(60.0, self.window.total_seconds() / 10)

    @property
    def reach(self) -> timedelta:
        """The window."""
        return self.window

    def needs(self, ask: Ask) -> Mapping[str, Need]:
        """Samples of calls, or counts by window."""
        window_s = int(self.window.total_seconds())
        end = whole_steps(ask.now, window_s)
        begin = end - self.window
        measure = MEASURES[self.name]
        where = dict(ask.rule.where)
        if measure.value:
            figures, step_s = _sample(measure.value, SAMPLE), 0
            more, more_step_s = _sample(measure.value, 5 * SAMPLE), 0
        else:
            figures = {"part": measure.part[Source.SPANS], "whole": measure.whole[Source.SPANS]}
            step_s, (more, more_step_s) = 0, (figures, window_s)
        if self.against:
            dimension, value = self.against
            other, first, last = {**where, dimension: value}, begin, end
        elif self.fixed:
            other, (first, last) = where, self.fixed
        else:
            other, first, last = where, begin - (self.reference or self.window), begin

        def need(start: datetime, stop: datetime, what: Mapping[str, str], where: Mapping[str, str], step: int) -> Need:
            return Need(
                source=Source.SPANS, start=start, end=stop, figures=what, by=ask.rule.group_by, where=where, step_s=step
            )

        return {
            "window": need(begin, end, figures, where, step_s),
            "reference": need(first, last, more, other, more_step_s),
        }

    def judge(self, look: Look) -> Judged:
        """Each group that has enough calls in both."""
        window, reference = look.readings["window"], look.readings["reference"]
        numeric = bool(MEASURES[self.name].value)
        verdicts = {}
        for key in window.points:
            if key not in reference.points:
                continue
            found = self._numbers(look, key) if numeric else self._rate(look, key, reference)
            if found is not None:
                verdicts[key] = found
        return Judged(verdicts=verdicts)

    def _numbers(self, look: Look, key: str) -> Verdict | None:
        (_, values), (times, before) = (_in_order(look.readings[name], key) for name in ("window", "reference"))
        if values.size < self.min_calls or before.size < _LEAST_REFERENCE:
            return None
        windows = np.unique(times // int(self.window.total_seconds() * 1e9), return_counts=True)[1].tolist()
        found = batches.compare(
            before,
            values,
            windows=None if self.against else windows,
            significance=self.significance,
            least=self.min_effect,
        )
        low, high = (float(q) for q in np.quantile(before, (0.1, 0.9)))
        now, then = (shown(float(np.median(each)), self.unit) for each in (values, before))
        sentence = (
            f"{lasting(self.window)} of {MEASURES[self.name].title}: the middle is {now}, in the reference {then}"
            f" ({found.kind} of {found.effect:+.2f} standard deviations, p = {found.p_value:.1g},"
            f" {values.size:,} calls)."
        )
        return Verdict(
            severity=look.rule.severity if found.drift else Severity.NONE,
            value=float(np.median(values)),
            limit=float(np.median(before)),
            expected=(low, high),
            summary=sentence,
        )

    def _rate(self, look: Look, key: str, reference: Reading) -> Verdict | None:
        figures = look.readings["window"].points[key][0].figures
        events, calls = int(figures["part"] or 0), int(figures["whole"] or 0)
        past = [
            (int(p.figures["part"] or 0), int(p.figures["whole"] or 0))
            for p in reference.points[key]
            if p.figures["whole"]
        ]
        if calls < self.min_calls or sum(whole for _, whole in past) < _LEAST_REFERENCE:
            return None
        all_events, all_calls = sum(part for part, _ in past), sum(whole for _, whole in past)
        extra = rates.overdispersion([part for part, _ in past], [whole for _, whole in past])
        found = rates.compare(
            min(events, calls),
            calls,
            reference_events=min(all_events, all_calls),
            reference_calls=all_calls,
            significance=self.significance,
            overdispersion=extra,
        )
        far = abs(found.rate - found.expected) >= self.min_effect * max(found.expected, 1e-9)
        drift = found.p_value < self.significance and far
        sentence = (
            f"{MEASURES[self.name].title[0].upper()}{MEASURES[self.name].title[1:]} over {lasting(self.window)} is"
            f" {shown(found.rate, Unit.SHARE)} ({shown(found.low, Unit.SHARE)} to {shown(found.high, Unit.SHARE)}) of"
            f" {calls:,} calls, in the reference {shown(found.expected, Unit.SHARE)} (p = {found.p_value:.1g})."
        )
        return Verdict(
            severity=look.rule.severity if drift else Severity.NONE,
            value=found.rate,
            limit=found.expected,
            summary=sentence,
        )


def _sample(value: str, size: int) -> dict[str, str]:
    """SQL of so many values in the order of their times; the same sample each time."""
    told = f"isNotNull({value})"
    pair = f"(toUnixTimestamp64Nano(timestamp), toFloat64(assumeNotNull({value})))"
    return {"sample": f"arraySort(groupArraySampleIf({size}, {_SEED})({pair}, {told}))"}


def _in_order(reading: Reading, key: str) -> tuple[NDArray[np.int64], batches.Floats]:
    """Times, nanoseconds since 1970, and values of the sampled calls, oldest first."""
    found = reading.points[key][0].figures["sample"] or ()
    times, values = [pair[0] for pair in found], [pair[1] for pair in found]
    return np.array(times, dtype=np.int64), np.array(values, dtype=np.float64)
