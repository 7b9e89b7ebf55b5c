"""Attempts that failed and were made again: noted as the client decides how long to wait, read on the worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmtrace import clock
from llmtrace.calls import Attempt
from llmtrace.outcomes import attribute_of
from llmtrace.reading.headers import read_headers

if TYPE_CHECKING:
    from llmtrace.accounts import Account
    from llmtrace.calls import Timing
    from llmtrace.readouts import Collected

_NS = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedAttempt:
    """An attempt as plainly as the caller's thread could note it."""

    failed_ns: int
    wait_s: float
    error: str
    status_code: int | None
    headers: Mapping[str, str] | None


def failed_attempt(error: BaseException | None, wait_s: float) -> FailedAttempt:
    """Note what ``error`` tells, without keeping it: its traceback would keep the caller's frames alive."""
    response = attribute_of(error, "response") if error is not None else None
    status = getattr(response, "status_code", None)
    return FailedAttempt(
        failed_ns=clock.now_ns(),
        wait_s=wait_s,
        error=_name(error) if status is None else str(status),
        status_code=status,
        headers=getattr(response, "headers", None),
    )


def attempts_stage(collected: Collected, account: Account) -> None:
    """The attempts before the last."""
    account.attempts = tuple(_attempt(number, noted) for number, noted in enumerate(collected.attempts, 1))


def headers_stage(collected: Collected, account: Account) -> None:
    """What the last answer's headers tell, be it an error."""
    if collected.answer is not None:
        account.headers = read_headers(collected.answer.headers())


def lost_s(attempts: tuple[Attempt, ...], timing: Timing) -> float | None:
    """Seconds from the begin of a call to that of its last attempt; None when the first was the last.

    A call that was cancelled in a wait had no last attempt: all its time was lost.
    """
    if not attempts:
        return None
    last = attempts[-1]
    begun_ns = last.failed_ns + round(last.wait_s * _NS)
    return max(min(begun_ns, timing.end_ns) - timing.start_ns, 0) / _NS


def _attempt(number: int, noted: FailedAttempt) -> Attempt:
    return Attempt(
        number=number,
        failed_ns=noted.failed_ns,
        wait_s=noted.wait_s,
        error=noted.error,
        status_code=noted.status_code,
        headers=read_headers(noted.headers or {}),
    )


def _name(error: BaseException | None) -> str:
    return "_OTHER" if error is None else type(error).__qualname__
