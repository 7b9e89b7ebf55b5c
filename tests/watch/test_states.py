"""The state machine: whatever the figures do, people hear of every start once and of every end once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.watch.patience import Patience
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.states import Decision, Reason, Standing, State, decide, end
from llmtrace_collector.watch.verdict import Verdict
from watch.helpers import NOON

LIMIT = Decimal(5)
values = st.sampled_from([Decimal(0), Decimal("4.99"), LIMIT, Decimal("5.000000000001"), Decimal(9)])
steps = st.lists(st.tuples(values, st.integers(0, 600)), max_size=60)
holds = st.integers(0, 900).map(lambda s: timedelta(seconds=s))


def verdict_of(value: Decimal) -> Verdict:
    severity = Severity.CRITICAL if value > LIMIT else Severity.NONE
    return Verdict(severity=severity, value=value, limit=LIMIT)


def walk(figures: list[tuple[Decimal, int]], hold: timedelta) -> list[Decision]:
    standing, now, decisions = Standing(), NOON, []
    for value, wait_s in figures:
        now += timedelta(seconds=wait_s)
        decisions.append(decide(standing, verdict_of(value), now, Patience(hold=hold)))
        standing = decisions[-1].standing
    return decisions


@given(steps, holds)
def test_notices_alternate_firing_and_resolved(figures, hold):
    told = [decision.standing.state for decision in walk(figures, hold) if decision.notify]
    assert told == [State.FIRING, State.RESOLVED] * (len(told) // 2) + [State.FIRING] * (len(told) % 2)


@given(steps, holds)
def test_resolved_is_told_if_and_only_if_it_was_firing(figures, hold):
    decisions = walk(figures, hold)
    for before, after in pairwise(decisions):
        resolved = after.standing.state is State.RESOLVED
        assert resolved == (before.standing.state is State.FIRING and after.reason is not Reason.STILL_OVER)
        assert after.notify == (after.standing.state in {State.FIRING, State.RESOLVED} and after.changed)


@given(steps, holds)
def test_firing_is_above_the_limit_and_nothing_else_is_above_it_for_long(figures, hold):
    """After every step: firing or pending exactly while above, and pending for less than `for`."""
    now = NOON
    for (value, wait_s), decision in zip(figures, walk(figures, hold), strict=True):
        now += timedelta(seconds=wait_s)
        standing = decision.standing
        assert (standing.state in {State.PENDING, State.FIRING}) == (value > LIMIT)
        if standing.state is State.PENDING:
            assert now - standing.since < hold


@given(steps, holds)
def test_changed_is_said_exactly_when_the_state_moves(figures, hold):
    before = State.INACTIVE
    for decision in walk(figures, hold):
        resting = State.INACTIVE if before is State.RESOLVED else before
        assert decision.changed == (decision.standing.state is not resting)
        before = decision.standing.state


@given(steps, holds)
def test_an_episode_keeps_its_since(figures, hold):
    decisions = walk(figures, hold)
    for before, after in pairwise(decisions):
        if before.standing.state in {State.PENDING, State.FIRING} and after.standing.state is not State.INACTIVE:
            assert after.standing.since == before.standing.since


def test_a_clock_that_goes_back_fires_nothing_early():
    pending = Standing(state=State.PENDING, severity=Severity.CRITICAL, since=NOON)
    patience = Patience(hold=timedelta(minutes=1))
    back = decide(pending, verdict_of(Decimal(9)), NOON - timedelta(hours=1), patience)
    assert (back.standing, back.reason) == (pending, Reason.WAITING)


def test_an_ending_is_told_to_those_who_heard_of_the_start():
    firing = end(Standing(state=State.FIRING, since=NOON), Reason.RULE_REMOVED)
    pending = end(Standing(state=State.PENDING, since=NOON), Reason.RULE_REMOVED)
    assert (firing.standing.state, firing.notify) == (State.RESOLVED, True)
    assert (pending.standing.state, pending.notify) == (State.INACTIVE, False)
