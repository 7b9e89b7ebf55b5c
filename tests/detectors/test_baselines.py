"""Buckets of a group against their hour of the week: the condition of an anomaly rule."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace_collector.detectors.baselines import Baseline, Judgement, Limits, Pool
from llmtrace_collector.detectors.excess import Excess

STEP_S = 900.0
DAY = 96
MONDAY_S = 4 * 86400.0
few = settings(max_examples=10)
seeds = st.integers(0, 10_000)
PLAIN = Limits()


def usual(point: int, level: float = 80.0) -> float:
    """Calls of a quarter of an hour: by day more than at night, half at weekends."""
    return level * (1 + 0.5 * math.sin(2 * math.pi * point / DAY)) * (0.5 if point // DAY % 7 >= 5 else 1.0)


def at(point: int) -> float:
    return MONDAY_S + STEP_S * point


def grown(seed: int, days: int, level: float = 80.0, pool: Pool | None = None) -> tuple[Baseline, list[Judgement]]:
    """A group with some days behind it, and what was said of each bucket."""
    rng = np.random.default_rng(seed)
    baseline = Baseline(step_s=STEP_S)
    told = [
        baseline.update(at(point), float(rng.poisson(usual(point, level))), PLAIN, pool=pool)
        for point in range(days * DAY)
    ]
    return baseline, told


def test_weeks_of_their_own_shape_are_quiet_and_an_hour_at_three_times_the_calls_is_not() -> None:
    """Of three groups over weeks two to four, at most two buckets are unusual; the first of the hour always is."""
    total = 0
    for seed in range(3):
        baseline, told = grown(seed, 28)
        total += sum(one.unusual for one in told[7 * DAY :])
        assert baseline.update(at(28 * DAY + 40), 3 * usual(28 * DAY + 40), PLAIN).unusual
    assert total <= 2


def test_what_is_usual_on_monday_noon_is_unusual_on_sunday_night() -> None:
    """The same value, judged at two hours of the week."""
    baseline, _ = grown(1, 28)
    noon, night = 28 * DAY + 30, 34 * DAY + 70
    assert baseline.judge(at(noon), usual(noon), PLAIN).reason == "usual"
    sunday = baseline.judge(at(night), usual(noon), PLAIN)
    assert sunday.unusual
    assert sunday.expected == pytest.approx(usual(night), rel=0.3)
    assert sunday.low < usual(night) < sunday.high < usual(noon)


@pytest.mark.parametrize("step_s", [300.0, 900.0, 3600.0, 6 * 3600.0, 86400.0])
def test_a_weekend_is_expected_whatever_the_length_of_a_bucket(step_s: float) -> None:
    """After eight weeks, buckets of Saturday noon expect half of Friday noon's, and half on a Friday is unusual."""
    rng = np.random.default_rng(1)
    baseline = Baseline(step_s=step_s)
    calls = 2000 * step_s / 86400
    for index in range(int(8 * 7 * 86400 / step_s)):
        begin = index * step_s
        mean = calls * 20 * (0.5 if begin // 86400 % 7 >= 5 else 1.0)
        baseline.update(MONDAY_S + begin, float(rng.poisson(mean)), PLAIN)
    noon = 43200.0 if step_s < 86400 else 0.0
    friday, saturday = (MONDAY_S + (56 + day) * 86400 + noon for day in (4, 5))
    assert baseline.judge(friday, 20 * calls, PLAIN).expected == pytest.approx(20 * calls, rel=0.15)
    assert baseline.judge(saturday, 10 * calls, PLAIN).expected == pytest.approx(10 * calls, rel=0.15)
    assert baseline.judge(saturday, 10 * calls, PLAIN).reason == "usual"
    assert baseline.judge(friday, 10 * calls, PLAIN).unusual


def test_a_young_group_borrows_the_week_and_the_noise_of_the_pool() -> None:
    """A few hours old at night, it expects the morning to be busier, and says so of a morning that is not."""
    pool = Pool()
    for seed in range(3):
        grown(seed, 21, 20.0 * 3**seed, pool)
    lone, lent = Baseline(step_s=STEP_S), Baseline(step_s=STEP_S)
    rng = np.random.default_rng(5)
    for point in range(7 * DAY + 72, 8 * DAY):
        value = float(rng.poisson(usual(point, 200.0)))
        lone.update(at(point), value, PLAIN)
        lent.update(at(point), value, PLAIN, pool=pool)
    later = 8 * DAY + 24
    assert lent.judge(at(later), 100.0, PLAIN, pool=pool).expected == pytest.approx(usual(later, 200.0), rel=0.2)
    assert lent.judge(at(later), 100.0, PLAIN, pool=pool).unusual
    assert lone.judge(at(later), 100.0, PLAIN).expected < 0.8 * usual(later, 200.0)


@pytest.mark.parametrize(
    ("limits", "value", "reason"),
    [
        (Limits(), 3.0, "unusual"),
        (Limits(direction="up"), 3.0, "unusual"),
        (Limits(direction="down"), 3.0, "other direction"),
        (Limits(direction="down"), 0.1, "unusual"),
        (Limits(direction="up"), 0.1, "other direction"),
        (Limits(least_effect=1.5), 3.0, "unusual"),
        (Limits(least_effect=2.5), 3.0, "small effect"),
        (Limits(least_effect=0.5), 0.1, "unusual"),
        (Limits(least_volume=1000.0), 3.0, "too few"),
        (Limits(least_volume=50.0), 0.1, "unusual"),
        (Limits(), 1.0, "usual"),
    ],
)
def test_limits_of_a_rule_name_the_reason_why_a_bucket_is_no_alert(limits: Limits, value: float, reason: str) -> None:
    """Values as multiples of the usual; a volume of 50 is there though hardly any call came: they were expected."""
    point = 28 * DAY + 20
    assert _GROWN.judge(at(point), value * usual(point), limits).reason == reason


_GROWN = grown(3, 28)[0]


def test_a_rate_of_few_calls_is_less_of_a_surprise_than_of_many() -> None:
    """The same value from a tenth of the calls is usual; below the least volume it is not even judged."""
    rng = np.random.default_rng(1)
    baseline = Baseline(step_s=STEP_S)
    for point in range(14 * DAY):
        baseline.update(at(point), float(rng.gamma(100, 0.01)), PLAIN, volume=100.0)
    many, few_calls = (baseline.judge(at(14 * DAY), 1.6, PLAIN, volume=volume) for volume in (100.0, 10.0))
    assert many.unusual
    assert few_calls.reason == "usual"
    assert few_calls.score < many.score
    assert baseline.judge(at(14 * DAY), 1.6, Limits(least_volume=20), volume=10.0).reason == "too few"


def test_an_incident_does_not_become_the_baseline_and_a_launch_does() -> None:
    """Three hours at five times the calls hardly move what is expected next day; three days of twice as many do."""
    baseline, _ = grown(2, 21)
    noon = 22 * DAY + 30
    before = baseline.judge(at(noon), 0.0, PLAIN).expected
    for point in range(21 * DAY, 21 * DAY + 12):
        baseline.update(at(point), 5 * usual(point), PLAIN)
    assert baseline.judge(at(noon), 0.0, PLAIN).expected == pytest.approx(before, rel=0.15)
    for point in range(21 * DAY + 12, 24 * DAY):
        baseline.update(at(point), 2 * usual(point), PLAIN)
    assert baseline.judge(at(24 * DAY + 30), 2 * usual(24 * DAY + 30), PLAIN).reason == "usual"


def test_errors_after_days_of_none_are_unusual_and_none_still_are_not() -> None:
    """A series of zeros has no noise to compare with: whatever differs is told of."""
    baseline = Baseline(step_s=STEP_S)
    told = [baseline.update(at(point), 0.0, PLAIN) for point in range(2 * DAY)]
    assert {one.reason for one in told} == {"young", "usual"}
    assert baseline.judge(at(2 * DAY), 1.0, PLAIN).unusual
    assert baseline.judge(at(2 * DAY), 0.0, PLAIN).reason == "usual"
    assert baseline.judge(at(2 * DAY), 1.0, Limits(least_volume=5)).reason == "too few"


@few
@given(seeds, st.floats(0.001, 1000))
def test_the_unit_of_the_values_does_not_matter(seed: int, factor: float) -> None:
    """Cents or dollars: the same reasons and scores, interval and expectation in the same unit."""
    rng = np.random.default_rng(seed)
    first, second = Baseline(step_s=STEP_S), Baseline(step_s=STEP_S)
    for point in range(150):
        value = float(rng.gamma(3, usual(point)))
        one = first.update(at(point), value, PLAIN)
        other = second.update(at(point), value * factor, PLAIN)
        assert other.score == pytest.approx(one.score, abs=1e-6)
        assert other.expected == pytest.approx(one.expected * factor, rel=1e-6)
        assert other.low == pytest.approx(one.low * factor, rel=1e-6, abs=1e-6 * factor)


@few
@given(st.lists(st.one_of(st.just(0.0), st.floats(0, 1e12)), min_size=1, max_size=150), st.booleans())
def test_any_series_gets_judgements_that_hold_together_and_a_state_of_bounded_size(
    values: list[float], is_pooled: bool
) -> None:
    """Scores are shares, the interval holds the expectation, judging learns nothing, and the state is JSON."""
    baseline, pool = Baseline(step_s=7200.0), Pool() if is_pooled else None
    for index, value in enumerate(values):
        before = copy.deepcopy(baseline)
        ahead = baseline.judge(7200.0 * index, value, PLAIN, pool=pool)
        assert baseline == before
        told = baseline.update(7200.0 * index, value, PLAIN, pool=pool)
        assert told == ahead
        assert 0 <= told.score <= 1
        assert told.low <= told.expected * (1 + 1e-9) + 1e-9
        assert told.high >= told.expected * (1 - 1e-9) - 1e-9
    text = json.dumps(asdict(baseline), allow_nan=False)
    assert len(text) < 8000


def test_one_incident_does_not_widen_the_tail_for_the_next() -> None:
    """Twelve buckets of twenty standard deviations leave a bucket of eight as improbable as one in a million."""
    tail = Excess()
    for value in np.random.default_rng(1).standard_normal(3000).tolist():
        tail.take(value)
    assert 3e-6 < math.exp(-tail.surprise(4.0)) < 3e-4
    for _ in range(12):
        tail.take(20.0)
    assert tail.surprise(8.0) > math.log(1e6)


@given(st.floats(-8, 30), st.floats(0, 10), st.floats(4, 30))
def test_a_tail_is_monotone_and_says_where_a_probability_lies(value: float, more: float, nats: float) -> None:
    """Greater values are never less surprising, and `at` is the other way round of `surprise`."""
    tail = Excess()
    assert tail.surprise(value + more) >= tail.surprise(value) >= 0
    assert tail.surprise(tail.at(nats)) == pytest.approx(nats)
