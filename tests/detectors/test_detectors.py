"""Properties of the detectors, each through its public door."""

from __future__ import annotations

import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llmtrace import forecasts
from llmtrace_collector.detectors import batches, budgets, bursts, rates, season
from llmtrace_collector.detectors.anomaly import AnomalyDetector
from llmtrace_collector.detectors.categories import CategoricalDrift
from llmtrace_collector.detectors.drift import NumericDrift
from llmtrace_collector.detectors.ensemble import joint
from llmtrace_collector.detectors.episodes import REFRACTORY, Episodes
from llmtrace_collector.detectors.ewma import Ewma
from llmtrace_collector.detectors.hours import HourlyLevel
from llmtrace_collector.detectors.references import Later, Reference
from llmtrace_collector.detectors.sequential import ShiryaevRoberts
from llmtrace_collector.detectors.tails import Tail
from llmtrace_collector.detectors.texts import TextDrift, exceedance

few = settings(max_examples=12)
"""For properties of whole series, which take long."""
seeds = st.integers(0, 10_000)
scales = st.sampled_from([1.0, 0.001, 3.7, 250.0, -1.0, -40.0])
offsets = st.sampled_from([0.0, 17.3, -5000.0])


def wave(seed: int, size: int = 500) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kind = seed % 3
    base = 50 + 20 * np.sin(np.arange(size) / 40) + rng.normal(0, 3, size)
    if kind == 1:
        base = rng.poisson(6, size).astype(float)
    if kind == 2:
        base = rng.integers(0, 2, size).cumsum() % 7 + 0.0
    base[size // 2 : size // 2 + 5] += 60
    return base


def scores(values: np.ndarray, start: float = 0.0) -> list[tuple[float, bool]]:
    detector = AnomalyDetector()
    found = [detector.update(start + 300.0 * index, value) for index, value in enumerate(values.tolist())]
    return [(one.score, one.alert) for one in found]


@few
@given(seeds, scales, offsets, st.sampled_from([0.0, 86400.0 * 3, 12345.0, -777.5]))
def test_scores_of_a_series_are_those_in_another_unit_upside_down_or_at_another_time(
    seed: int, scale: float, offset: float, shift: float
) -> None:
    values = wave(seed)
    expected = scores(values)
    found = scores(values * scale + offset, shift)
    assert [alert for _, alert in found] == [alert for _, alert in expected]
    assert [score for score, _ in found] == pytest.approx([score for score, _ in expected], abs=1e-5)


@few
@given(seeds, st.integers(1, 499))
def test_the_score_of_a_point_knows_nothing_of_later_ones(seed: int, length: int) -> None:
    values = wave(seed)
    assert scores(values[:length]) == scores(values)[:length]


@few
@given(seeds)
def test_scores_are_shares_and_alerts_are_apart_unless_they_worsen(seed: int) -> None:
    found = scores(wave(seed))
    assert all(0 <= score < 1 for score, _ in found)
    alerts = [index for index, (_, alert) in enumerate(found) if alert]
    for before, after in pairwise(alerts):
        assert after - before > REFRACTORY or found[after][0] > 0


def test_the_state_of_a_series_is_a_few_kilobytes_and_goes_on_where_it_was_put_away() -> None:
    values = wave(4).tolist()
    detector, twin = AnomalyDetector(), AnomalyDetector()
    for index, value in enumerate(values[:300]):
        detector.update(index * 300.0, value)
        twin.update(index * 300.0, value)
    kept = pickle.dumps(detector)
    assert len(kept) <= 8000
    again = pickle.loads(kept)
    for index, value in enumerate(values[300:], 300):
        assert again.update(index * 300.0, value) == twin.update(index * 300.0, value)


def test_a_constant_series_says_nothing_until_it_changes() -> None:
    found = scores(np.array([5.0] * 400 + [9.0] + [5.0] * 50))
    assert all(score == 0 for score, _ in found[:400])
    assert found[400][0] > 0.5


@few
@given(st.lists(st.floats(0, 1e6), min_size=60, max_size=200), st.floats(1, 1e6))
def test_the_tail_says_more_of_greater_scores_and_nothing_of_usual_ones(values: list[float], further: float) -> None:
    low, high = Tail(), Tail()
    for value in values:
        low.surprise(value)
        high.surprise(value)
    top = max(values)
    assert high.surprise(top + 2 * further) >= low.surprise(top + further) >= 0
    assert low.surprise(min(values)) == 0


def test_tails_are_calibrated_on_exponential_scores() -> None:
    rng = np.random.default_rng(1)
    tail = Tail()
    nats = [tail.surprise(value) for value in rng.exponential(3.0, 40_000).tolist()]
    share = np.mean(np.array(nats[1000:]) > math.log(1000))
    assert 0.0003 < share < 0.003


@few
@given(st.lists(st.floats(0.1, 30), min_size=1, max_size=300))
def test_an_episode_begins_only_where_nothing_as_great_was_near(surprises: list[float]) -> None:
    episodes = Episodes()
    for index, surprise in enumerate(surprises):
        begins = episodes.update(surprise) is not None
        assert begins == (surprise > max(surprises[max(0, index - REFRACTORY) : index], default=0.0))


def test_two_members_that_agree_say_more_than_one() -> None:
    assert joint([8.0, 8.0, 0.0], 3) > joint([8.0, 0.0, 0.0], 3) > joint([0.0, 0.0, 0.0], 3) == 0


def test_a_value_usual_at_one_hour_is_odd_at_another() -> None:
    rng = np.random.default_rng(1)
    hours = HourlyLevel()
    for point in range(10 * 288):
        hours.update(100 * math.sin(point / 144 * math.pi) + rng.normal(0, 2), point / 288 % 1)
    usual, odd = hours.update(99.0, 0.25), hours.update(99.0, 0.75)
    assert usual < 3
    assert odd > 10


@few
@given(seeds, st.floats(0.01, 100), st.floats(-1e4, 1e4))
def test_distances_from_the_moving_level_have_no_unit(seed: int, scale: float, offset: float) -> None:
    values = wave(seed, 100)
    first, second = Ewma(20), Ewma(20)
    for value in values.tolist():
        assert second.update(value * scale + offset) == pytest.approx(first.update(value), abs=1e-4)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=200), st.integers(0, 50))
def test_p_values_of_a_reference_rise_with_the_value_and_are_symmetric(values: list[int], value: int) -> None:
    reference, mirror = Reference(values), Reference([-other for other in values])
    assert 0 < reference.p_value(value) <= reference.p_value(value + 1) < 1
    assert reference.p_value(value) == pytest.approx(1 - mirror.p_value(-value))


@given(st.integers(20, 700), st.integers(0, 900))
def test_values_join_a_reference_a_tenth_of_its_size_later(size: int, count: int) -> None:
    """The latest values wait, five hundred at most; all before them are in."""
    reference = Reference(range(size))
    later = Later(reference, size)
    for value in range(count):
        later.add(1000 + value)
    waits = min(size // 10, 500)
    assert reference.values[size:] == [1000 + value for value in range(max(count - waits, 0))]


def test_false_alarms_of_an_e_detector_are_as_rare_as_asked_for() -> None:
    rng = np.random.default_rng(2)
    detector = ShiryaevRoberts(weights=[0.5, 0.5], arl0=1000)
    alarms = sum(detector.update([0.3 * z - 0.045, -0.3 * z - 0.045])[1] for z in rng.standard_normal(60_000).tolist())
    assert 30 <= alarms <= 80


@few
@given(seeds, st.sampled_from([0.01, 1.0, 44.0]), offsets)
def test_numeric_drift_has_no_unit_and_knows_nothing_of_later_values(seed: int, scale: float, offset: float) -> None:
    rng = np.random.default_rng(seed)
    reference, stream = rng.lognormal(3, 0.5, 300).round(3), rng.lognormal(3.2, 0.5, 200).round(3)
    first = NumericDrift(np.zeros(300), reference, arl0=1e4)
    second = NumericDrift(np.zeros(300), reference * scale + offset, arl0=1e4)
    part = NumericDrift(np.zeros(300), reference, arl0=1e4)
    told = [first.update(0.0, value) for value in stream.tolist()]
    moved = [second.update(0.0, value).statistic for value in (stream * scale + offset).tolist()]
    assert moved == pytest.approx([one.statistic for one in told], rel=0.1)
    assert [part.update(0.0, value) for value in stream[:77].tolist()] == told[:77]


def cycle(
    days: int, *, noise: float, seed: int, factor: float = 1.0, first_day: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    times = first_day * 86400.0 + np.arange(days * 144) * 600.0
    levels = np.exp(noise * rng.standard_normal(days)).repeat(144)
    values = rng.lognormal(5, 0.5, times.size) * (1 + 0.4 * np.sin(2 * np.pi * times / 86400)) * levels * factor
    return times, values


def verdicts(detector: NumericDrift, times: np.ndarray, values: np.ndarray) -> list[bool]:
    return [detector.update(at, value).alarm for at, value in zip(times.tolist(), values.tolist(), strict=True)]


def test_a_daily_cycle_is_learnt_and_is_no_drift_while_a_shift_is() -> None:
    detector = NumericDrift(*cycle(14, noise=0.0, seed=1), arl0=1e4)
    assert detector.season is not None
    quiet = cycle(10, noise=0.0, seed=2, first_day=14)
    changed = cycle(2, noise=0.0, seed=3, factor=1.5, first_day=24)
    assert not any(verdicts(detector, *quiet))
    assert any(verdicts(detector, *changed))


def test_levels_that_differ_from_day_to_day_are_learnt_as_dispersion_and_are_no_drift() -> None:
    detector = NumericDrift(*cycle(14, noise=0.08, seed=5), arl0=1e4)
    assert 0.05 < detector.dispersion.tau < 0.4
    times, values = cycle(10, noise=0.08, seed=6, first_day=14)
    assert sum(verdicts(detector, times, values)) <= 1


def test_a_season_is_learnt_only_where_there_is_one() -> None:
    rng = np.random.default_rng(1)
    times = np.arange(14 * 144) * 600.0
    assert season.learn(times, rng.lognormal(5, 0.5, times.size)) is None
    assert season.learn(times[:200], cycle(14, noise=0.0, seed=1)[1][:200]) is None


@few
@given(seeds)
def test_labels_as_in_the_reference_raise_no_alarm_and_a_new_one_that_stays_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.choice(["stop", "length", "tool_calls"], 1000, p=[0.8, 0.15, 0.05]).tolist()
    detector = CategoricalDrift(labels[:700], arl0=1e6)
    assert not any(detector.update(label).alarm for label in labels[700:])
    assert any(detector.update("content_filter").alarm for _ in range(30))


def test_texts_of_other_words_are_drift_by_sequence_and_by_neighbours() -> None:
    rng = np.random.default_rng(1)

    def text(topic: str) -> str:
        return " ".join(f"{topic}{rank}" for rank in rng.zipf(1.4, 30) if rank < 5000)

    reference = [text("a") for _ in range(600)]
    same, mixed = [text("a") for _ in range(300)], [text("b" if index % 10 == 0 else "a") for index in range(300)]
    detector = TextDrift(reference, arl0=1e5)
    assert not any(detector.update(one).alarm for one in same)
    assert any(detector.update(one).alarm for one in mixed)
    assert exceedance(reference, same) < 0.12 < exceedance(reference, [text("b") for _ in range(50)])


@few
@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    detector = TextDrift(["hello there", "hello you", "", "a b c"] * 6, arl0=1e4)
    assert detector.update(text).statistic >= 0


@few
@given(seeds, st.sampled_from([20, 50, 500]))
def test_a_window_of_the_reference_is_no_drift_and_a_doubled_one_is(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    reference = rng.lognormal(6, 0.7, 3000)
    window = rng.lognormal(6, 0.7, size)
    same = batches.compare(reference, window, significance=1e-7)
    assert not same.drift
    assert 0 <= same.p_value <= 1
    if size >= 50:
        assert batches.compare(reference, window * 2).drift
    larger = batches.compare(reference, np.concatenate([window, window]))
    assert larger.detectable <= same.detectable


def test_a_usual_wobble_between_windows_is_no_drift_however_large_the_window() -> None:
    rng = np.random.default_rng(3)
    reference = np.concatenate([rng.lognormal(6 + 0.1 * rng.standard_normal(), 0.7, 250) for _ in range(20)])
    assert not batches.compare(reference, rng.lognormal(6.12, 0.7, 5000)).drift


@few
@given(st.integers(0, 200), st.integers(1, 2000), st.integers(0, 300))
def test_the_interval_of_a_rate_holds_it(events: int, calls: int, reference: int) -> None:
    assume(events <= calls)
    found = rates.compare(events, calls, reference_events=reference, reference_calls=5000)
    assert found.low <= found.rate <= found.high
    assert 0 <= found.p_value <= 1
    less = rates.compare(events, calls, reference_events=reference, reference_calls=5000, significance=1e-6)
    assert less.detectable >= found.detectable - 1e-9


def test_a_rate_says_what_could_have_been_seen() -> None:
    small = rates.compare(3, 100, reference_events=300, reference_calls=10_000)
    large = rates.compare(30, 1000, reference_events=300, reference_calls=10_000)
    assert small.detectable > 0.08 > large.detectable > 0.03
    assert rates.overdispersion([30] * 20, [1000] * 20) < 0.0005
    assert rates.overdispersion([10, 60, 20, 55, 12, 50, 9, 70], [1000] * 8) > 0.005


def test_rates_that_differ_from_window_to_window_anyway_are_rarely_a_change() -> None:
    """Of 200 windows of 10,000 calls at most eight have p < 0.01, though rates differ by 10 % from window to window."""
    flagged = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        before = rng.binomial(500, 0.03 * np.exp(0.1 * rng.standard_normal(20))).tolist()
        events = int(rng.binomial(10_000, 0.03 * float(np.exp(0.1 * rng.standard_normal()))))
        wobble = rates.overdispersion(before, [500] * 20)
        found = rates.compare(
            events, 10_000, reference_events=sum(before), reference_calls=10_000, overdispersion=wobble
        )
        flagged += found.p_value < 0.01
    assert flagged <= 8


@given(st.integers(1, 1000), st.floats(1, 1000), st.floats(1, 365), st.floats(0.1, 100))
def test_a_budget_of_false_alerts_is_shared_evenly(
    detectors: int, evaluations: float, span: float, alerts: float
) -> None:
    arl0 = budgets.arl0(detectors=detectors, evaluations_a_day=evaluations, days=span, false_alerts=alerts)
    assert detectors * evaluations * span / arl0 == pytest.approx(alerts)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_of_alerts_at_once_only_the_strongest_survive(evidence: list[float]) -> None:
    standing = budgets.surviving(evidence, share=0.1)
    assert all(evidence[index] >= 10 for index in standing)
    if standing:
        weakest = min(evidence[index] for index in standing)
        assert all(value <= weakest for index, value in enumerate(evidence) if index not in standing)


@few
@given(seeds, st.integers(2, 120), st.floats(0.5, 40), st.sampled_from([0.01, 1.0, 900.0]))
def test_forecasts_scale_with_the_amounts_and_grow_with_the_horizon(
    seed: int, size: int, horizon: float, scale: float
) -> None:
    amounts = np.random.default_rng(seed).gamma(5, 20, size)
    told = forecasts.ahead(amounts, horizon)
    assert 0 <= told.low <= told.expected <= told.high
    scaled = forecasts.ahead(amounts * scale, horizon)
    assert scaled.expected == pytest.approx(told.expected * scale, rel=1e-6)
    assert forecasts.ahead(amounts, horizon + 1).expected >= told.expected * 0.999 - 1e-9 or size >= 14


def test_weekends_are_forecast_as_weekends() -> None:
    amounts = np.array([10.0, 10, 10, 10, 10, 2, 2] * 5)
    assert forecasts.ahead(amounts, 5).expected == pytest.approx(50)
    assert forecasts.ahead(amounts, 7, skip=5).expected == pytest.approx(4)


def test_ten_times_the_spend_is_found_within_minutes_and_a_usual_day_is_quiet() -> None:
    rng = np.random.default_rng(4)
    pool = bursts.learn(rng.poisson(rng.gamma(2, 1, 40)[:, None], (40, 2000)).astype(float))
    burst = bursts.Burst(pool, arl0=1e6)
    assert not any(burst.update(float(spend))[1] for spend in rng.poisson(2.0, 3000))
    assert any(burst.update(float(spend))[1] for spend in rng.poisson(20.0, 12))


def test_a_user_without_history_is_taken_for_one_of_the_pool() -> None:
    pool = bursts.Pool(mean=2.0, shape=2.0, size=1.0)
    burst = bursts.Burst(pool, arl0=1e5)
    assert burst.expected == pytest.approx(2.0)
    for _ in range(500):
        burst.update(6.0)
    assert burst.expected == pytest.approx(6.0, rel=0.15)
    assert bursts.learn(np.zeros((3, 5))) == bursts.Pool(mean=0.0, shape=1.0, size=1.0)


@few
@given(seeds, st.sampled_from([5.0, 10.0, 20.0]))
def test_who_spends_much_from_the_first_is_no_burst(seed: int, times: float) -> None:
    """A new user at many times the pool's mean is learnt from at once; ten times that, an hour later, is a burst."""
    rng = np.random.default_rng(seed)
    pool = bursts.Pool(mean=0.5, shape=1.5, size=1.0)
    burst = bursts.Burst(pool, arl0=1e6)
    assert not any(burst.update(float(spend))[1] for spend in rng.poisson(0.5 * times, 360))
    assert any(burst.update(float(spend))[1] for spend in rng.poisson(5 * times, 20))
