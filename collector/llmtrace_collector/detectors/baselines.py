"""Is a bucket of a group's series unusual for its hour of the week? The condition of an anomaly rule.

    level (a day's memory) x week (`week`; a young group borrows the pool's) = expected
    roots of value and expected, by noise -> the bucket alone, a run of them -> tails each way (`excess`) -> score

Counts, amounts, durations and shares alike: the noise is learnt for each group and grows with the root of what is
expected, as counts do; what other laws have beyond that goes into the tails, which are learnt too. A value teaches no
more than three standard deviations, so that an incident does not become the baseline, while a launch does within a day
or two. A group is young until it has a day of its own; groups older than that teach the pool.
Source: Holt (1957), Winters (1960); roots of counts, Anscombe (1948); Huber (1981) for bounded influence; peaks over a
threshold, Pickands (1975).
Assumes values of 0 or more in buckets of one length, gaps allowed. Cost: see `benchmarks/detectors/baselines.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from llmtrace_collector.detectors.excess import Excess
from llmtrace_collector.detectors.week import DAYS, HOUR_S, HOURS, SLOTS, Week

Direction = Literal["both", "up", "down"]
Reason = Literal["young", "too few", "usual", "other direction", "small effect", "unusual"]

LEAST = 12
"""Buckets of its own that a group needs before anything is said of it; above 0, so many in its first day."""
RUN = 0.2
"""Share of the latest bucket in the mean of a run."""
BOUND = 3.0
"""Standard deviations that one value teaches at most."""
INDEPENDENT = RUN / (2 - RUN)
"""Variance of a run of independent buckets, in units of theirs."""
MOST = 20.0
"""Times the level that a value teaches the week at most."""
MOST_OFF = 1e6
"""Times the level that a value teaches the noise at most."""
LEAST_COUNT = 1e-9
"""Root of the count that a value stands for, below which nothing is left of its skew."""
STEEP = 0.35
"""Standard deviation of a ratio between two hours, as a share of their difference: how one becomes the other is not
known, and it may be at once."""
LEAST_RATIO = 0.05
"""Of a quiet hour to the level, for noise and for the level it speaks of."""
NOISE_MEMORY = 1000.0
BORROWED = 24.0
"""Buckets that the pool's noise counts as."""
MEMBERS = 2
"""Bucket and run: the greater surprise counts, less log 2."""
MONDAY_S = 4 * 86400
"""Seconds from the epoch, a Thursday, to a Monday."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a rule asks for."""

    score: float = 0.9999
    """One minus the tail probability from which a bucket is unusual."""
    least_effect: float = 0.0
    """Least distance from what is expected, as a share of it: 0.5 is +50 % or -50 %."""
    least_volume: float = 0.0
    """Least volume (calls, say) of the bucket, or expected of it where the value itself is one."""
    direction: Direction = "both"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What is said of one bucket."""

    reason: Reason
    """`unusual` is an alert; all else says why it is none."""
    score: float
    """One minus the tail probability in the direction of the value, 0 to 1; 0 while the group is young."""
    expected: float
    """In the unit of the values."""
    low: float
    """A bucket alone below this is unusual; `high` the same above."""
    high: float

    @property
    def unusual(self) -> bool:
        """Whether the condition holds."""
        return self.reason == "unusual"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Expectation:
    """What is known of a bucket before its value."""

    slot: int
    """Hour of the week."""
    ratio: float
    """To the level."""
    expected: float
    deviation: float
    """Standard deviation of the value."""

    def standard(self, value: float) -> float:
        """The value as a standard normal: roots take off the skew of counts and amounts."""
        if self.expected <= LEAST_COUNT * self.deviation:
            return (value - self.expected) / self.deviation
        count = (self.expected / self.deviation) ** 2
        return 2 * (math.sqrt(value / self.expected * count + 0.375) - math.sqrt(count + 0.125))

    def value(self, standard: float) -> float:
        """The value of a standard normal; 0 at least."""
        if self.expected <= LEAST_COUNT * self.deviation:
            return max(self.expected + standard * self.deviation, 0.0)
        count = (self.expected / self.deviation) ** 2
        root = max(standard / 2 + math.sqrt(count + 0.125), 0.0)
        return max(root**2 - 0.375, 0.0) / count * self.expected


@dataclass(kw_only=True)
class Tails:
    """Of a bucket and of a run, each way."""

    bucket_up: Excess = field(default_factory=Excess)
    bucket_down: Excess = field(default_factory=Excess)
    run_up: Excess = field(default_factory=Excess)
    run_down: Excess = field(default_factory=Excess)

    def take(self, alone: float, run: float) -> None:
        """Learns from a bucket and the run that ends with it, both standardised."""
        self.bucket_up.take(alone)
        self.bucket_down.take(-alone)
        self.run_up.take(run)
        self.run_down.take(-run)

    def surprise(self, alone: float, run: float) -> float:
        """Nats, in the direction of `alone`."""
        if alone >= 0:
            nats = max(self.bucket_up.surprise(alone), self.run_up.surprise(run))
        else:
            nats = max(self.bucket_down.surprise(-alone), self.run_down.surprise(-run))
        return max(nats - math.log(MEMBERS), 0.0)


@dataclass(kw_only=True)
class Pool:
    """What the groups of a rule have in common."""

    week: Week = field(default_factory=Week)
    variance: float = 1.0
    """Of a bucket, in units of what is expected, as of counts and amounts; of level x expected where values have a
    volume, as of rates and durations."""
    run_variance: float = INDEPENDENT
    """Of a run, in units of a bucket's."""
    tails: Tails = field(default_factory=Tails)
    count: int = 0
    """Buckets it was taught by."""


@dataclass(kw_only=True)
class Baseline:
    """The state of one group: numbers and lists, `asdict`-able."""

    step_s: float
    """Length of a bucket, seconds."""
    level: float = 0.0
    """Of late, the season taken off: a day's memory."""
    base: float = 0.0
    """The same with the memory of a week, shorter while the group is young: what ratios of the week are to."""
    count: int = 0
    active: int = 0
    """Buckets above 0."""
    variance: float = 0.0
    """Of a bucket, in units of level x expected."""
    run: float = 0.0
    run_variance: float = INDEPENDENT
    volume: float = 0.0
    """Mean volume of a bucket."""
    week: Week = field(default_factory=Week)
    tails: Tails = field(default_factory=Tails)

    def judge(
        self, bucket_s: float, value: float, limits: Limits, *, volume: float | None = None, pool: Pool | None = None
    ) -> Judgement:
        """Judges a bucket and learns nothing: for late data, or one that is not over yet.

        Args:
            bucket_s: its beginning, seconds since the epoch in the zone whose weeks count.
            value: 0 or more.
            limits: what the rule asks for.
            volume: what the value was taken from (calls of a rate or quantile); `None`: the value is a count itself.
            pool: of the rule's groups.
        """
        return self._judge(self._expected(bucket_s, volume, pool), value, limits, volume, pool)

    def update(
        self, bucket_s: float, value: float, limits: Limits, *, volume: float | None = None, pool: Pool | None = None
    ) -> Judgement:
        """Judges a bucket by those before it, then learns from it and teaches the pool. Arguments as of `judge`."""
        expectation = self._expected(bucket_s, volume, pool)
        judgement = self._judge(expectation, value, limits, volume, pool)
        self._learn(expectation, value, volume, pool)
        return judgement

    @property
    def is_young(self) -> bool:
        """It has less than a day of its own."""
        return self.count * self.step_s < HOURS * HOUR_S

    def _judge(
        self, expectation: _Expectation, value: float, limits: Limits, volume: float | None, pool: Pool | None
    ) -> Judgement:
        expected, deviation = expectation.expected, expectation.deviation
        if self.count < LEAST or (self.active < LEAST and self.is_young):
            return Judgement(reason="young", score=0.0, expected=expected, low=0.0, high=math.inf)
        if deviation <= 0:
            return _flat(value, expected, limits, volume)
        alone = expectation.standard(value)
        tails = pool.tails if pool is not None and self.is_young else self.tails
        nats = tails.surprise(alone, self._run(alone, pool))
        score = 1 - math.exp(-nats)
        reach = -math.log(max(1 - limits.score, 1e-15)) + math.log(MEMBERS)
        return Judgement(
            reason=_reason(value, expected, volume, score, limits),
            score=score,
            expected=expected,
            low=expectation.value(-tails.bucket_down.at(reach)),
            high=expectation.value(tails.bucket_up.at(reach)),
        )

    def _expected(self, bucket_s: float, volume: float | None, pool: Pool | None) -> _Expectation:
        """What is known of a bucket before its value; between the middles of two hours both have a say."""
        place, step_s = (bucket_s - MONDAY_S) / HOUR_S, self.step_s
        first = math.floor(place)
        week = None if pool is None else pool.week
        if step_s < HOUR_S:
            middle = place + step_s / 2 / HOUR_S - 0.5
            before = math.floor(middle)
            ratio, doubt = self.week.ratio(before % SLOTS, step_s, week)
            after, other = self.week.ratio((before + 1) % SLOTS, step_s, week)
            step = after - ratio
            ratio += (middle - before) * step
            doubt = max(doubt, other) + (STEEP * step / max(ratio, LEAST_RATIO)) ** 2
        else:
            ratio, doubt = self.week.ratio(first % SLOTS, step_s, week)
        variance, known = self.variance, float(self.count)
        if pool is not None and pool.count:
            lent = pool.variance / (_pool_unit(self.level, volume) or 1.0)
            variance = (known * variance + BORROWED * lent) / (known + BORROWED)
        share = max(ratio, LEAST_RATIO)
        square = variance * share * (1 + 4 / max(known, 1.0))
        if volume is not None and 0 < volume < self.volume:
            square *= self.volume / volume
        square += doubt * ratio**2
        return _Expectation(
            slot=first % SLOTS,
            ratio=ratio,
            expected=self.level * ratio,
            deviation=self.level * math.sqrt(square),
        )

    def _run(self, alone: float, pool: Pool | None) -> float:
        """The run that ends with this bucket, standardised by how such runs vary."""
        variance = pool.run_variance if pool is not None and self.is_young else self.run_variance
        doubt = 4 / max(self.count, 1)
        return (self.run + RUN * (alone - self.run)) / math.sqrt(max(variance, INDEPENDENT) + doubt)

    def _learn(self, known: _Expectation, value: float, volume: float | None, pool: Pool | None) -> None:
        self.count += 1
        self.active += 1 if value > 0 else 0
        if volume is not None:
            self.volume += (volume - self.volume) / min(self.count, NOISE_MEMORY)
        teaches = pool if pool is not None and not self.is_young else None
        if self.count > LEAST and known.deviation > 0:
            alone = known.standard(value)
            bounded = max(-BOUND, min(BOUND, alone))
            self._learn_tails(alone, bounded, pool, teaches)
            seen = value if alone == bounded else known.value(bounded)
        else:
            seen = value
        if self.level > 0 and self.base > 0:
            self._learn_week(known, seen, teaches, _pool_unit(self.level, volume))
        flat, a_day = seen / max(known.ratio, LEAST_RATIO), max(HOURS * HOUR_S / self.step_s, 1.0)
        self.level += (flat - self.level) / min(self.count, max(a_day, LEAST))
        memory = min(max(self.count / 3, a_day), DAYS * a_day)
        self.base += (flat - self.base) / min(self.count, max(memory, LEAST))

    def _learn_week(self, known: _Expectation, seen: float, teaches: Pool | None, pool_unit: float) -> None:
        off = min(abs(seen - known.expected) / self.level, MOST_OFF)
        square = off**2 / max(known.ratio, LEAST_RATIO)
        self.variance += (square - self.variance) / min(self.count, NOISE_MEMORY)
        share = min(seen / self.base, MOST)
        self.week.take(known.slot, share, self.step_s)
        if teaches is not None:
            teaches.count += 1
            teaches.variance += (square * pool_unit - teaches.variance) / min(teaches.count, NOISE_MEMORY)
            teaches.week.take(known.slot, share, self.step_s)

    def _learn_tails(self, alone: float, bounded: float, pool: Pool | None, teaches: Pool | None) -> None:
        run = self._run(alone, pool)
        self.run += RUN * (bounded - self.run)
        square = min(self.run**2, BOUND**2 * self.run_variance)
        self.run_variance += (square - self.run_variance) / (min(self.count, NOISE_MEMORY) + BORROWED)
        self.tails.take(alone, run)
        if teaches is not None:
            teaches.tails.take(alone, run)
            teaches.run_variance += (square - teaches.run_variance) / (min(teaches.count, NOISE_MEMORY) + BORROWED)


def _reason(value: float, expected: float, volume: float | None, score: float, limits: Limits) -> Reason:
    if (max(value, expected) if volume is None else volume) < limits.least_volume:
        return "too few"
    if score < limits.score:
        return "usual"
    if limits.direction != "both" and (value > expected) != (limits.direction == "up"):
        return "other direction"
    if abs(value - expected) < limits.least_effect * expected:
        return "small effect"
    return "unusual"


def _pool_unit(level: float, volume: float | None) -> float:
    """What variances are multiplied by for groups of unlike levels to have one: counts vary as Poisson's do."""
    return level if volume is None else 1.0


def _flat(value: float, expected: float, limits: Limits, volume: float | None) -> Judgement:
    """Where all before it were the same: whatever differs is unusual."""
    score = float(value != expected)
    reason = _reason(value, expected, volume, score, limits)
    return Judgement(reason=reason, score=score, expected=expected, low=expected, high=expected)
