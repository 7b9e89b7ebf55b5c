"""The decision "notify now?" against a small reference model of what people believe."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.watch.policy.deciding import Member, Pace, Why, decide
from llmtrace_collector.watch.policy.patterns import MOST_CHARACTERS, Pattern
from watch.helpers import NOON

hushes = st.sampled_from([None, None, None, Why.SILENCED, Why.MUTED, Why.INHIBITED])
looks = st.tuples(st.integers(0, 2), hushes, st.booleans(), st.booleans(), st.integers(0, 400))
"""Severity (0: it ended), what keeps it quiet, whether it flaps, whether somebody takes it on, seconds to the next."""
seconds = st.sampled_from([0, 30, 300]).map(lambda s: timedelta(seconds=s))
paces = st.builds(
    Pace, group_wait=seconds, group_interval=seconds, repeat_interval=st.sampled_from([None, timedelta(seconds=600)])
)


def walk(steps, pace):
    """One alert alone through its looks: (before, answer, said, now) for each, as the teller keeps it."""
    member = Member(firing=False, severity=0, changed=NOON)
    sent, now, found = None, NOON, []
    for severity, hushed, flapping, acknowledged, wait_s in steps:
        now += timedelta(seconds=wait_s)
        firing = severity > 0
        if firing is not member.firing or (firing and severity != member.severity):
            member = replace(member, firing=firing, severity=severity or member.severity, changed=now)
            member = member if firing else replace(member, acknowledged=0)
        kept = flapping and member.flapping_told
        member = replace(member, hushed=hushed, flapping=flapping, flapping_told=kept)
        if acknowledged and firing:
            member = replace(member, acknowledged=member.severity)
        answer = decide([member], sent=sent, now=now, pace=pace)
        found.append((member, answer, now, sent))
        if answer.tell:
            sent = now
            member = replace(member, told=member.severity if member.fires else 0, flapping_told=member.flapping)
            if not member.told:
                sent = None
        elif not member.told:
            sent = None
    return found


@given(st.lists(looks, max_size=40), paces)
def test_resolved_is_said_if_and_only_if_firing_was_said_before(steps, pace):
    """What is said alternates: a beginning, more of it, one end; whatever keeps quiet in between."""
    believed = False
    for member, answer, _, _ in walk(steps, pace):
        if answer.why is Why.RESOLVED:
            assert believed
            assert not member.firing
            believed = False
        elif answer.tell:
            assert answer.why is Why.FIRST or believed or answer.why is Why.FLAPPING
            believed = True
        assert not (believed and answer.why is Why.NEVER_TOLD)


@given(st.lists(looks, max_size=40), paces)
def test_what_is_hushed_says_nothing_but_its_end(steps, pace):
    """Silences, mute times and inhibition: nobody is told that it fires, nor again, nor that it is worse."""
    for member, answer, _, _ in walk(steps, pace):
        if member.hushed and answer.tell:
            assert answer.why is Why.RESOLVED


@given(st.lists(looks, max_size=40), paces)
def test_what_gets_worse_is_said_at_once(steps, pace):
    """No interval and no acknowledgement keeps it back."""
    for member, answer, _, _ in walk(steps, pace):
        if member.firing and member.severity > member.told > 0 and not member.hushed:
            assert answer.why is Why.ESCALATED


@given(st.lists(looks, max_size=40), paces)
def test_repeats_come_no_earlier_than_asked_and_never_of_what_somebody_took_on(steps, pace):
    """And only where the route repeats."""
    for member, answer, now, sent in walk(steps, pace):
        if answer.why is Why.REPEAT:
            assert pace.repeat_interval
            assert now - sent >= pace.repeat_interval
            assert member.acknowledged < member.severity


@given(st.lists(looks, max_size=40), paces)
def test_in_the_end_people_believe_what_is_so(steps, pace):
    """When nothing changes any more and nothing keeps quiet, one more notice at most sets it right."""
    *_, (last, answer, now, sent) = walk([*steps, (0, None, False, False, 0)], pace)
    if answer.tell:
        assert answer.why is Why.RESOLVED
    else:
        later = decide([last], sent=sent, now=now + timedelta(hours=1), pace=pace)
        assert later.why is (Why.RESOLVED if last.told else Why.NEVER_TOLD)


def test_a_first_notice_waits_for_its_group_and_the_next_for_the_interval():
    """With the time at which to look again."""
    pace = Pace(group_wait=timedelta(seconds=30), group_interval=timedelta(minutes=5))
    member = Member(firing=True, severity=2, changed=NOON)
    answer = decide([member], sent=None, now=NOON, pace=pace)
    assert (answer.why, answer.until) == (Why.GROUP_WAIT, NOON + pace.group_wait)
    other = replace(member, told=2)
    answer = decide([other, member], sent=NOON, now=NOON, pace=pace)
    assert (answer.why, answer.until) == (Why.GROUP_INTERVAL, NOON + pace.group_interval)


texts = st.text("ab.-", max_size=8)
atoms = st.sampled_from(["a", "b", ".", r"\.", "[ab]", "[^a]", "[a-b.]", r"\w", "-"])
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join),
        st.tuples(inner, st.sampled_from("*+?")).map(lambda pair: f"({pair[0]}){pair[1]}"),
    ),
    max_leaves=6,
)


@given(patterns, texts)
def test_patterns_match_what_those_of_python_match(pattern, text):
    """On the whole text."""
    assert Pattern(pattern).matches(text) == bool(re.compile(f"(?:{pattern})", re.ASCII).fullmatch(text))


def test_a_pattern_that_makes_others_back_up_for_ever_is_answered():
    """Catastrophic for a backtracking matcher: 2 to the power of 5,000."""
    assert not Pattern("(a+)+b").matches("a" * 5_000)
    assert Pattern("(a|a)*").matches("a" * 5_000)


@pytest.mark.parametrize(
    "pattern", ["(a", "a)", "[a", "*a", "a{2}", r"\p", "[b-a]", "a" * (MOST_CHARACTERS + 1), "(" * 30]
)
def test_a_pattern_of_another_form_is_refused_with_its_place(pattern):
    """Nothing is taken for something else without a word."""
    with pytest.raises(ValueError, match="character"):
        Pattern(pattern)
