"""How long a receiver rests."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.watch.circuit import LONGEST_REST, THRESHOLD, rest_after
from llmtrace_collector.watch.retries import SCHEDULE_S


def test_two_failures_are_no_reason_to_rest_and_then_it_doubles_up_to_five_minutes() -> None:
    rests = [rest_after(failures).total_seconds() for failures in range(10)]
    assert rests == [0, 0, 0, 10, 20, 40, 80, 160, 300, 300]


@given(st.integers(0, 10**9))
def test_a_rest_never_shrinks_and_never_delays_a_lone_notice_beyond_its_schedule(failures: int) -> None:
    assert timedelta(0) <= rest_after(failures) <= rest_after(failures + 1) <= LONGEST_REST
    if THRESHOLD <= failures < len(SCHEDULE_S):
        assert rest_after(failures) <= timedelta(seconds=SCHEDULE_S[failures] * 0.9)
