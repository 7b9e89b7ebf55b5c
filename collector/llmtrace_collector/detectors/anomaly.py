"""The detector of a series: members over several views, one calibrated score, one alert an episode.

    value -> views -> novelty, EWMA, ranges -> tails (nats each) -> ensemble -> episodes -> score, alert

Members and threshold were chosen on simulated and real series; how well they do on series they were not chosen on
is in docs/reference/detectors.md. Both directions count. Nothing depends on unit, offset or sign of the values or on
when the series begins, and nothing on what comes later.
Assumes a few hundred points to learn from; says little before. Cost and state: see `benchmarks/detectors/anomaly.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from llmtrace_collector.detectors.ensemble import LARGEST, joint
from llmtrace_collector.detectors.episodes import Episodes
from llmtrace_collector.detectors.ewma import Ewma
from llmtrace_collector.detectors.hours import HourlyLevel
from llmtrace_collector.detectors.novelty import Novelty
from llmtrace_collector.detectors.ranges import SoftRange
from llmtrace_collector.detectors.tails import Tail
from llmtrace_collector.detectors.views import MEAN, VALUE, Views

MEMBERS = 7
WEIGHT = 0.4
"""Of an episode's surprise beside its rank among the series' own."""
AGE_WEIGHT = 0.3
"""Of the length of the past: the same rank among more points is rarer."""
WARM_UP = 150
"""Points before anything is said."""
ALERT_SCORE = 0.875
DIGITS = 6
_DAY_S = 86400.0


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """What is said of one point."""

    score: float
    """One minus the calibrated tail probability of the episode that begins here, 0 to 1; 0 where none begins."""
    alert: bool
    """An episode begins that is worth telling of."""


_QUIET = Anomaly(score=0.0, alert=False)


class AnomalyDetector:
    """Watches one series."""

    __slots__ = ("count", "episodes", "hours", "levels", "novelties", "origin_s", "span", "tails", "views")

    def __init__(self) -> None:
        self.origin_s: float | None = None
        self.count = 0
        self.views = Views()
        self.levels = (Ewma(20), Ewma(2, 3000))
        self.span = SoftRange(400)
        self.hours = HourlyLevel()
        self.novelties = (
            Novelty(MEAN, 3, (1, 2, 3)),
            Novelty(VALUE, 5, (1,)),
            Novelty(MEAN, 9, phases=24),
        )
        self.tails = [Tail() for _ in range(MEMBERS)]
        self.episodes = Episodes()

    def update(self, time_s: float, value: float) -> Anomaly:
        """Takes the next point of the series.

        Args:
            time_s: seconds since any origin; only the time of day relative to the first point matters.
            value: finite.
        """
        if self.origin_s is None:
            self.origin_s = time_s
        self.count += 1
        self.views.update(value)
        told = self.surprises(value, (time_s - self.origin_s) % _DAY_S / _DAY_S)
        surprise = round(joint(told, MEMBERS), DIGITS) if any(told) else 0.0
        if self.views.is_constant:
            return _QUIET
        greater = self.episodes.update(surprise)
        if greater is None or self.count <= WARM_UP:
            return _QUIET
        score = score_of(surprise, greater, self.count)
        return Anomaly(score=score, alert=score >= ALERT_SCORE)

    def surprises(self, value: float, day_share: float) -> list[float]:
        """What each member says of the next value, nats; all of them learn it. `views` must have it already."""
        places, (fast, slow) = self.views.places, self.levels
        first, second, third = self.novelties
        raw = (
            fast.update(value),
            slow.update(value),
            self.span.update(value),
            self.hours.update(value, day_share),
            first.update(places, day_share),
            second.update(places, day_share),
            third.update(places, day_share),
        )
        return [tail.surprise(score) for tail, score in zip(self.tails, raw, strict=True)]


def score_of(surprise: float, greater: int, count: int) -> float:
    """One minus the probability, from the surprise, its rank among past episodes and the length of the past."""
    nats = WEIGHT * min(surprise, LARGEST) + AGE_WEIGHT * math.log(count) - math.log(greater + 1)
    return 1 - math.exp(-max(nats, 0.0))
