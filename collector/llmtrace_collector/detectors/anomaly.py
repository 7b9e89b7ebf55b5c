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

from llmtrace_collector.detectors.ensemble import LARGEST, Ensemble
from llmtrace_collector.detectors.episodes import Episodes
from llmtrace_collector.detectors.ewma import Ewma
from llmtrace_collector.detectors.novelty import Novelty
from llmtrace_collector.detectors.ranges import SoftRange
from llmtrace_collector.detectors.tails import Tail
from llmtrace_collector.detectors.views import DISTANCE, MEAN, VALUE, Views

WEIGHT = 0.3
"""Of an episode's surprise beside its rank among the series' own."""
PRIOR = 3.0
"""Greater episodes that every series is taken to have had before it began."""
ALERT_SCORE = 0.86
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

    def __init__(self) -> None:
        self.origin_s: float | None = None
        self.views = Views()
        self.levels = (Ewma(2), Ewma(100))
        self.ranges = (SoftRange(400),)
        self.novelties = (
            Novelty(DISTANCE, 13, (1,), conditional=True),
            Novelty(MEAN, 5, (4,)),
            Novelty(VALUE, 7, (1, 3)),
            Novelty(VALUE, 7, phases=12, conditional=True),
            Novelty(MEAN, 9, phases=24, conditional=True),
        )
        members = len(self.levels) + len(self.ranges) + len(self.novelties)
        self.tails = [Tail() for _ in range(members)]
        self.ensemble = Ensemble(members)
        self.episodes = Episodes()

    def update(self, time_s: float, value: float) -> Anomaly:
        """Takes the next point of the series.

        Args:
            time_s: seconds since any origin; only the time of day relative to the first point matters.
            value: finite.
        """
        if self.origin_s is None:
            self.origin_s = time_s
        self.views.update(value)
        surprise = self._surprise(value, (time_s - self.origin_s) / _DAY_S)
        if self.views.is_constant:
            return _QUIET
        greater = self.episodes.update(surprise)
        if greater is None:
            return _QUIET
        score = _score(surprise, greater)
        return Anomaly(score=score, alert=score >= ALERT_SCORE)

    def _surprise(self, value: float, days: float) -> float:
        """The members' joint surprise, nats."""
        places = self.views.places
        raw = [level.update(value) for level in self.levels]
        raw += [span.update(value) for span in self.ranges]
        raw += [novelty.update(places, days) for novelty in self.novelties]
        surprises = [tail.surprise(score) for tail, score in zip(self.tails, raw, strict=True)]
        return round(self.ensemble.update(surprises), DIGITS)


def _score(surprise: float, greater: int) -> float:
    nats = WEIGHT * min(surprise, LARGEST) - math.log((greater + PRIOR) / PRIOR)
    return 1 - math.exp(-max(nats, 0.0))
