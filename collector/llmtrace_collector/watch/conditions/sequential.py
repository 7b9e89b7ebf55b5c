"""The calls of now are not like those of the reference, watched call by call: numbers, categories or texts.

Each call of the running window is a bet against the reference (`detectors.drift`, `detectors.categories`,
`detectors.texts`), season-aware where the reference covers enough days, and an alarm comes with the call that makes the
evidence enough; the alert holds until the window ends. The calls of a window are read anew at every evaluation, the
first `MOST` of it in the order of their times, so that each is looked at in the same order however often: the mean
number of calls to a false alarm is what the rule asks for. With the next window the evidence begins anew.
Cost: 5 us a number, 20 us a category, 100 us a text, of at most `MOST` calls a group, at every evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from llmtrace import semconv
from llmtrace_collector.detectors.categories import CategoricalDrift
from llmtrace_collector.detectors.drift import NumericDrift
from llmtrace_collector.detectors.drift import Verdict as Bet
from llmtrace_collector.detectors.texts import TextDrift
from llmtrace_collector.watch.conditions.condition import Ask, Condition, Judged, Look
from llmtrace_collector.watch.measures import MEASURES, TABLES, Source
from llmtrace_collector.watch.scans import Need
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.times import whole_steps
from llmtrace_collector.watch.verdict import Verdict
from llmtrace_collector.watch.words import lasting

MOST = {"number": 10_000, "category": 5_000, "text": 1_000, "sketch": 5_000}
"""Calls of a window, by what is looked at; a busier group is known by the first so many of each window."""
REFERENCE = {"number": 5_000, "category": 5_000, "text": 2_000, "sketch": 2_000}
LEAST = 100
"""Calls of a reference."""
_SEED = 7
_SKETCH = re.compile(r"[0-9a-f]{16}")

TEXTS = {"prompts": "input_preview", "answers": "output_preview"}
"""What captured text is looked at: its first 200 characters."""

SKETCHES = {
    "prompt_sketches": f"attributes['{semconv.INPUT_SKETCH}']",
    "answer_sketches": f"attributes['{semconv.OUTPUT_SKETCH}']",
}
"""Where content is not captured: keyed hashes of 64 bits, near for near texts."""


@dataclass(frozen=True, kw_only=True)
class Sequential(Condition):
    """Drift as it happens."""

    kind: ClassVar[str] = "drift"
    rests_s = 15.0

    what: str
    """`number`, `category`, `text` or `sketch`."""
    name: str
    """A measure of single calls, a dimension, or a key of `TEXTS` or `SKETCHES`."""
    window: timedelta
    reference: timedelta
    """Back from the window's beginning."""
    arl0: float
    """Mean number of calls to a false alarm."""

    @property
    def reach(self) -> timedelta:
        """The window."""
        return self.window

    @property
    def measure(self) -> str:
        """Of the catalogue, where it is one."""
        return self.name if self.what == "number" else ""

    @property
    def title(self) -> str:
        """In sentences."""
        return MEASURES[self.name].title if self.what == "number" else self.name.replace("_", " ")

    def needs(self, ask: Ask) -> Mapping[str, Need]:
        """The calls of the running window in their order, and a sample of those before it."""
        begin = whole_steps(ask.now, int(self.window.total_seconds()))
        value, told = self._value()
        pair = f"(toUnixTimestamp64Nano(timestamp), {value})"
        first = {"calls": f"groupArraySortedIf({MOST[self.what]})({pair}, {told})"}
        before = {"calls": f"arraySort(groupArraySampleIf({REFERENCE[self.what]}, {_SEED})({pair}, {told}))"}

        def need(start: datetime, stop: datetime, figures: Mapping[str, str]) -> Need:
            return Need(
                source=Source.SPANS,
                start=start,
                end=stop,
                figures=figures,
                by=ask.rule.group_by,
                where=dict(ask.rule.where),
            )

        return {
            "window": need(begin, max(ask.now, begin + timedelta(milliseconds=1)), first),
            "reference": need(begin - self.reference, begin, before),
        }

    def _value(self) -> tuple[str, str]:
        """SQL of what is looked at of a call, and of whether it has one."""
        if self.what == "number":
            value = MEASURES[self.name].value
            return f"toFloat64(assumeNotNull({value}))", f"isNotNull({value})"
        if self.what == "sketch":
            column = SKETCHES[self.name]
            return column, f"length({column}) = 16"
        column = TABLES[Source.SPANS].columns[self.name] if self.what == "category" else TEXTS[self.name]
        return f"toValidUTF8(toString({column}))", "1" if self.what == "category" else f"{column} != ''"

    def judge(self, look: Look) -> Judged:
        """Each group that has a reference."""
        window, reference = look.readings["window"], look.readings["reference"]
        verdicts = {}
        for key, points in window.points.items():
            before = reference.points.get(key)
            if before:
                found = self._watched(look, before[0].figures["calls"], points[0].figures["calls"])
                if found is not None:
                    verdicts[key] = found
        return Judged(verdicts=verdicts)

    def _watched(self, look: Look, before: Sequence[Any], calls: Sequence[Any]) -> Verdict | None:
        if len(before) < LEAST or not calls:
            return None
        most, alarm = 0.0, 0
        for number, bet in enumerate(self._bets(before, calls), 1):
            most = max(most, bet.statistic)
            if bet.alarm:
                alarm = number
                break
        sentence = f"The {len(calls):,} calls of this window are like those of the {lasting(self.reference)} before."
        if alarm:
            at = datetime.fromtimestamp(calls[alarm - 1][0] / 1e9, UTC)
            sentence = (
                f"The {self.title} of calls is not what it was in the {lasting(self.reference)} before:"
                f" call {alarm:,} of this window, at {at:%H:%M:%S} UTC, made the evidence enough"
                f" (one false alarm in {self.arl0:,.0f} calls)."
            )
        return Verdict(
            severity=look.rule.severity if alarm else Severity.NONE,
            value=round(most, 3),
            limit=1,
            summary=sentence,
        )

    def _bets(self, before: Sequence[Any], calls: Sequence[Any]) -> Iterator[Bet]:
        if self.what == "number":
            times, values = (np.array(each, dtype=np.float64) for each in zip(*before, strict=True))
            numbers = NumericDrift(times / 1e9, values, arl0=self.arl0)
            return (numbers.update(at / 1e9, value) for at, value in calls)
        known = [value for _, value in before]
        if self.what == "sketch":
            return self._sketched(before, calls)
        detector = (CategoricalDrift if self.what == "category" else TextDrift)(known, arl0=self.arl0)
        return (each.update(value) for each, (_, value) in zip(repeat(detector), calls, strict=False))

    def _sketched(self, before: Sequence[Any], calls: Sequence[Any]) -> Iterator[Bet]:
        """By how far a call is from the nearest of the reference, in bits, and those from each other."""
        known = _bits([value for _, value in before])
        own = [_nearest(known, place) + _tie(at) for place, (at, _) in enumerate(before)]
        times = np.array([at for at, _ in before], dtype=np.float64)
        distances = NumericDrift(times / 1e9, np.array(own), arl0=self.arl0)
        for (at, _), sketch in zip(calls, _bits([value for _, value in calls]), strict=True):
            yield distances.update(at / 1e9, float(np.bitwise_count(known ^ sketch).min()) + _tie(at))


def _tie(at: int) -> float:
    """Parts equal distances: less than a bit, and the same for the same call each time it is looked at."""
    return crc32(at.to_bytes(8, "little", signed=True), 0x9E3779B9) / 2**32


def _bits(sketches: Sequence[str]) -> NDArray[np.uint64]:
    """Those of 16 hexadecimal digits as numbers; others, which are none of ours, as nothing near."""
    found = [int(one, 16) if _SKETCH.fullmatch(one) else 0 for one in sketches]
    return np.array(found, dtype=np.uint64)


def _nearest(known: NDArray[np.uint64], place: int) -> int:
    """Bits to the nearest other one."""
    apart = np.bitwise_count(known ^ known[place])
    apart[place] = 64
    return int(apart.min())
