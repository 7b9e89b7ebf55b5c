"""When a notice is tried again, and what a receiver's answer means: pure functions.

From Standard Webhooks 1.0, "Operational considerations": only 2xx is success, 3xx is not followed, 410 disables the
endpoint, 429, 502 and 504 ask for fewer requests, and a schedule that gives a receiver three days to come back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from llmtrace_collector.channels import Answer

SCHEDULE_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each attempt, counted from the one before it; the tenth is the last."""

JITTER = 0.1
"""Every delay is stretched or shortened by up to this share, so that receivers are not hit in step."""

LONGEST_RETRY_AFTER = timedelta(days=1)
"""A receiver may ask for this much patience at most."""


class Verdict(StrEnum):
    """What an answer means for the notice."""

    DELIVERED = "delivered"
    RETRY = "retry"
    THROTTLE = "throttle"
    GONE = "gone"


def judge(answer: Answer) -> Verdict:
    """What `answer` means; no answer and every status without a meaning of its own are retried."""
    if 200 <= answer.status < 300:
        return Verdict.DELIVERED
    if answer.status == 410:
        return Verdict.GONE
    if answer.status in {429, 502, 504}:
        return Verdict.THROTTLE
    return Verdict.RETRY


def delay_after(attempts: int, random: Random) -> timedelta | None:
    """How long to wait after `attempts` attempts; None when the schedule is used up."""
    if attempts >= len(SCHEDULE_S):
        return None
    return timedelta(seconds=SCHEDULE_S[attempts] * random.uniform(1 - JITTER, 1 + JITTER))


def asked_delay(retry_after: str, now: datetime) -> timedelta:
    """The wait a `Retry-After` header asks for, seconds or an HTTP date (RFC 9110, 10.2.3); unreadable: none."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(aware - now, timedelta(0)), LONGEST_RETRY_AFTER)
