"""Retries: what answers mean and how long to wait, as Standard Webhooks says."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.channels import Answer
from llmtrace_collector.watch.retries import JITTER, SCHEDULE_S, Verdict, asked_delay, delay_after, judge
from watch.helpers import NOON


@given(st.integers(0, 999))
def test_only_2xx_is_success(status):
    assert (judge(Answer(status=status)) is Verdict.DELIVERED) == (200 <= status <= 299)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (0, Verdict.RETRY),
        (301, Verdict.RETRY),
        (302, Verdict.RETRY),
        (400, Verdict.RETRY),
        (410, Verdict.GONE),
        (429, Verdict.THROTTLE),
        (500, Verdict.RETRY),
        (502, Verdict.THROTTLE),
        (503, Verdict.RETRY),
        (504, Verdict.THROTTLE),
    ],
)
def test_statuses_with_a_meaning_of_their_own(status, verdict):
    assert judge(Answer(status=status)) is verdict


@given(st.integers(1, len(SCHEDULE_S) - 1), st.integers())
def test_delays_follow_the_schedule_within_the_jitter(attempts, seed):
    delay = delay_after(attempts, Random(seed)).total_seconds()
    planned = SCHEDULE_S[attempts]
    assert planned * (1 - JITTER) - 1e-6 <= delay <= planned * (1 + JITTER) + 1e-6


def test_the_tenth_attempt_is_the_last():
    assert delay_after(9, Random(0)) is not None
    assert delay_after(10, Random(0)) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("999999999999999", 86_400),
        ("Sun, 22 Nov 2026 12:02:30 GMT", 120),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 22 Nov 2026 12:02:30 -0000", 120),
        ("soon", 0),
        ("-5", 0),
        ("", 0),
        ("²", 0),
    ],
)
def test_retry_after_in_seconds_or_as_a_date_up_to_a_day(header, seconds):
    assert asked_delay(header, NOON) == timedelta(seconds=seconds)


@given(st.text())
def test_any_header_is_read_or_ignored(header):
    assert timedelta(0) <= asked_delay(header, NOON) <= timedelta(days=1)
