"""What may be claimed and what not: the pure functions behind explanations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from explain import simulated
from llmtrace import shares
from llmtrace.shares import Share, Totals
from llmtrace_collector.explain import changes
from llmtrace_collector.explain.changes import NOTHING, Sums
from llmtrace_collector.explain.onset import onset

ATTRIBUTES = len(simulated.SIZES)
RUNS = 300

positive = st.floats(0.01, 1e6)
sums = st.builds(Sums, calls=positive, amount=positive, squares=positive, input_tokens=positive, output_tokens=positive)


def most_false(runs: int, rate: float) -> int:
    """So many claims at most by chance, once in a thousand such tests."""
    return int(stats.binom.isf(0.001, runs, rate))


@pytest.mark.parametrize(("rate", "before"), [(0.05, 0.05), (0.05, 0.01), (0.4, 0.1), (0.01, 0.0)])
def test_where_all_calls_fail_alike_nothing_is_claimed(rate: float, before: float) -> None:
    """A condition that strikes at random is claimed to have a cause in one question of a hundred at most."""
    rng = np.random.default_rng(5)
    claims = 0
    for _ in range(RUNS):
        rows, totals = simulated.shares(rng, calls=2_000, rate=rate, before=before)
        claims += bool(shares.explain(rows, totals, attributes=ATTRIBUTES))
    assert claims <= most_false(RUNS, shares.FALSE_CLAIMS)


@pytest.mark.parametrize("growth", [1.0, 1.5, 3.0])
def test_a_sum_that_grows_everywhere_has_no_cause(growth: float) -> None:
    """Traffic that grows by the same factor for every value is claimed to have a cause in one question of a hundred."""
    rng = np.random.default_rng(6)
    claims = 0
    for _ in range(RUNS):
        values, now, before = simulated.sums(rng, calls=2_000, growth=growth)
        claims += bool(changes.explain(values, now, before, attributes=ATTRIBUTES))
    assert claims <= most_false(RUNS, shares.FALSE_CLAIMS)


def test_a_value_that_fails_four_times_as_often_is_found() -> None:
    """A value with a quarter of the traffic and four times the rate is the first finding nearly always."""
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(100):
        rows, totals = simulated.shares(rng, calls=4_000, rate=0.02, before=0.02, lift=4.0)
        found = shares.explain(rows, totals, attributes=ATTRIBUTES)
        hits += bool(found) and (found[0].attribute, found[0].value) == ("a2", "1")
    assert hits >= 95


def test_a_value_whose_calls_cost_thrice_is_found() -> None:
    """A value with a quarter of the traffic whose calls become three times as dear is the first contribution."""
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(100):
        values, now, before = simulated.sums(rng, calls=4_000, growth=1.0, lift=3.0)
        found = changes.explain(values, now, before, attributes=ATTRIBUTES)
        hits += bool(found) and (found[0].attribute, found[0].value) == ("a2", "1")
    assert hits >= 95


def share(value: str, *, met: int, rest: int, before: int, attribute: str = "model") -> Share:
    return Share(attribute=attribute, value=value, met=met, rest=rest, met_before=before, candidates=2)


def test_what_always_fails_more_does_not_explain_that_more_fails_now() -> None:
    """A model with most of the failures before and after, at the same rate, is no finding; the one that rose is."""
    totals = Totals(met=400, rest=3_600, met_before=200, calls=4_000, calls_before=4_000)
    rows = [share("shaky", met=180, rest=220, before=180), share("risen", met=210, rest=1_000, before=10)]
    [found] = shares.explain(rows, totals, attributes=1)
    assert found.value == "risen"


def test_a_value_whose_traffic_grew_is_a_finding_although_its_rate_did_not() -> None:
    """More traffic to what fails more is a reason that more fails."""
    totals = Totals(met=400, rest=3_600, met_before=130, calls=4_000, calls_before=4_000)
    rows = [share("shaky", met=300, rest=300, before=30), share("sound", met=100, rest=3_300, before=100)]
    [found] = shares.explain(rows, totals, attributes=1)
    assert found.value == "shaky"


def test_an_attribute_that_only_such_calls_have_is_compared_with_those_before() -> None:
    """The error type of errors that was as common before is no finding, although no other call has it."""
    totals = Totals(met=400, rest=3_600, met_before=40, calls=4_000, calls_before=4_000)
    same = [share("429", met=390, rest=0, before=39, attribute="error_type")]
    new = [share("timeout", met=390, rest=0, before=1, attribute="error_type")]
    assert shares.explain(same, totals, attributes=1, effects=["error_type"]) == []
    [found] = shares.explain(new, totals, attributes=1, effects=["error_type"])
    assert (found.against, round(found.share, 3), round(found.compared, 3)) == ("before", 0.975, 0.025)


def test_calls_that_come_in_between_the_queries_hide_no_finding() -> None:
    """A value of all calls that has a few more than there are in all leaves the others' p-values as they are."""
    totals = Totals(met=100, rest=900, met_before=10, calls=1_000, calls_before=1_000)
    all_calls = share("chat", met=103, rest=912, before=10, attribute="operation")
    [found] = shares.explain([share("m", met=92, rest=90, before=1), all_calls], totals, attributes=2)
    assert found.value == "m"


def test_values_of_the_same_calls_are_one_finding() -> None:
    """A model and its only provider mark the same calls: one finding, named by the first of the two."""
    totals = Totals(met=100, rest=900, met_before=10, calls=1_000, calls_before=1_000)
    rows = [share("m", met=90, rest=90, before=1), share("p", met=90, rest=90, before=1, attribute="provider")]
    [found] = shares.explain(rows, totals, attributes=2)
    assert (found.attribute, found.also) == ("model", (("provider", "p"),))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_keep_their_order_and_are_never_smaller(p_values: list[float]) -> None:
    """Benjamini and Hochberg's adjustment by its own definition, with the penalty given beforehand."""
    m = len(p_values)
    levels = shares.adjusted(np.array(p_values) * m)
    assert np.allclose(levels, np.minimum(1, stats.false_discovery_control(p_values)))


@given(sums, sums)
def test_the_parts_of_a_change_add_up_to_it(now: Sums, before: Sums) -> None:
    """By calls, by tokens a call, by amount a token: no cent is left over, whatever the sums."""
    for money in (True, False):
        parts = changes.split(now, before, money=money)
        change = now.amount - before.amount
        scale = max(abs(now.amount), abs(before.amount))
        assert parts.calls + parts.size + parts.price == pytest.approx(change, abs=1e-9 * scale)


@given(sums, st.floats(0.1, 10))
def test_a_change_of_one_factor_is_that_factor_s_part(before: Sums, factor: float) -> None:
    """More of the same calls is by calls alone; the same calls at another price is by price alone."""
    more = before.scaled(factor)
    parts = changes.split(more, before)
    assert parts.size == pytest.approx(0, abs=1e-6 * more.amount)
    assert parts.price == pytest.approx(0, abs=1e-6 * more.amount)
    dearer = Sums(**{**vars(before), "amount": before.amount * factor})
    parts = changes.split(dearer, before)
    assert parts.price == pytest.approx(dearer.amount - before.amount, rel=1e-6, abs=1e-9)


def test_what_is_new_is_by_calls() -> None:
    """A value without calls before has grown by calls."""
    now = Sums(calls=10, amount=5, squares=3, input_tokens=7, output_tokens=1)
    assert changes.split(now, NOTHING) == changes.Split(calls=5, size=0, price=0)


@pytest.mark.parametrize("at", [1, 17, 30, 59])
def test_the_moment_of_a_rise_is_found(at: int) -> None:
    """A rate that goes from 1 % to 30 % of a hundred calls a stretch is dated to the stretch in which it does."""
    rng = np.random.default_rng(at)
    rates = np.where(np.arange(60) >= at, 0.3, 0.01)
    assert onset(rng.binomial(100, rates).tolist(), [100.0] * 60) == at


def test_a_rate_that_stays_has_no_moment() -> None:
    """Of 300 timelines of one rate two in a hundred get a moment at most."""
    rng = np.random.default_rng(1)
    found = [onset(rng.poisson(3, 240).tolist(), [1.0] * 240) for _ in range(RUNS)]
    assert sum(one is not None for one in found) <= most_false(RUNS, 0.01)


@pytest.mark.parametrize("amounts", [[], [0.0], [0.0, 0.0], [5.0], [3.0, 0.0]])
def test_a_timeline_too_short_or_falling_has_no_moment(amounts: list[float]) -> None:
    """Nothing to compare, or nothing that rose."""
    assert onset(amounts, [1.0] * len(amounts)) is None
