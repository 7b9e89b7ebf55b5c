"""Drift of labels: finish reasons, models, languages, tools. One at a time, with the same kind of alarm as numbers.

Each bet is a forecaster that follows the recent labels at its own pace and mixes in the reference; a label's e-value
is what the forecaster gave it against what the reference gives it. A label never seen before takes the share that a
finite reference leaves for new ones. The reference learns on, so that its error fades.
Source: Shin, Ramdas & Rinaldo (arXiv 2203.03532) with plug-in bets; Krichevsky & Trofimov (1981) for the shares.
Assumes labels independent. Cost: about 5 us a label; state: a float a label and pace.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from llmtrace_collector.detectors.drift import Verdict
from llmtrace_collector.detectors.sequential import ShiryaevRoberts

PACES = (20.0, 100.0, 500.0)
"""Labels that a forecaster looks back, about."""
TRUST = 0.5
"""Share of a forecast that recent labels make up; the rest is the reference."""
NEW = "\0new"
MOST = 200
"""Labels told apart; the rarest of the reference beyond it count as new."""


class CategoricalDrift:
    """Sequential drift of labels."""

    def __init__(self, labels: Iterable[str], *, arl0: float) -> None:
        """Learns the reference; `arl0` is the mean number of labels to a false alarm."""
        counts = Counter(labels)
        kept = dict(counts.most_common(MOST))
        self.counts: dict[str, float] = {label: count + 0.5 for label, count in kept.items()}
        rest = sum(counts.values()) - sum(kept.values())
        single = sum(1 for count in counts.values() if count == 1)
        self.counts[NEW] = rest + single + 0.5
        self.total = sum(self.counts.values())
        self.recent: list[dict[str, float]] = [{} for _ in PACES]
        self.detector = ShiryaevRoberts(weights=[1 / len(PACES)] * len(PACES), arl0=arl0)

    def update(self, label: str) -> Verdict:
        """Takes the next label."""
        known = label if label in self.counts else NEW
        usual = self.counts[known] / self.total
        log_e = [self._log_e(known, usual, recent, pace) for recent, pace in zip(self.recent, PACES, strict=True)]
        statistic, alarm = self.detector.update(log_e)
        self.counts[known] += 1
        self.total += 1
        for recent, pace in zip(self.recent, PACES, strict=True):
            _follow(recent, known, pace)
        return Verdict(statistic=statistic, alarm=alarm)

    def _log_e(self, label: str, usual: float, recent: dict[str, float], pace: float) -> float:
        seen = sum(recent.values())
        trust = TRUST * seen / (seen + 0.2 * pace)
        share = recent.get(label, 0.0) / seen if seen else 0.0
        return math.log((1 - trust) + trust * share / usual)


def _follow(recent: dict[str, float], label: str, pace: float) -> None:
    for other in list(recent):
        recent[other] *= 1 - 1 / pace
        if recent[other] < 1e-4:
            del recent[other]
    recent[label] = recent.get(label, 0.0) + 1
