"""What the worker does with a call that is over: stages fill an account of it, outlets write the account.

    collected ──▶ request ──▶ answer ──▶ background ──▶ details ──▶ cost ──▶ ... ──▶ outlets: the span, metrics, events

Every stage and every outlet stands alone: a fault in one takes nothing from the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from opentelemetry.trace import format_span_id, format_trace_id

from llmtrace import faults, semconv
from llmtrace.accounts import Account
from llmtrace.details import read_details
from llmtrace.details.fields import Bodies
from llmtrace.reading.requests import read_request

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from llmtrace.readouts import Collected

Stage = Callable[["Collected", Account], None]
"""Reads what it needs and fills its own part of the account."""


class Outlet(Protocol):
    """Where an account goes: the span, metrics, events."""

    def write(self, span: Span, account: Account) -> None:
        """Write what is told; ``span`` is that of the call, still open, and takes nothing when it is not sampled."""


class Teller:
    """Tells every call that is over, on the worker's thread."""

    def __init__(self, *, stages: Sequence[Stage], outlets: Sequence[Outlet], counts: Outlet) -> None:
        self._stages = tuple(stages)
        self._outlets = tuple(outlets)
        self._counts = counts

    def tell(self, span: Span, collected: Collected) -> int:
        """Write everything that can be told; the time the call ended, in nanoseconds since the epoch."""
        ids = span.get_span_context()
        account = Account(
            call=collected.call,
            timing=collected.timing(),
            trace_id=format_trace_id(ids.trace_id),
            span_id=format_span_id(ids.span_id),
            failure=collected.failure(),
        )
        for stage in self._stages:
            with _alone:
                stage(collected, account)
        for outlet in self._outlets:
            with _alone:
                outlet.write(span, account)
        return account.timing.end_ns

    def count(self, span: Span, account: Account) -> None:
        """Count a call whose details were dropped."""
        with _alone:
            self._counts.write(span, account)


def request_stage(collected: Collected, account: Account) -> None:
    """The call as its body says it."""
    account.sent = collected.sent()
    call = read_request(account.call, account.sent)
    account.call = replace(call, stream=call.stream or collected.is_streamed)


def answer_stage(collected: Collected, account: Account) -> None:
    """The reply, its times, and what went wrong inside it."""
    told = collected.read(account.sent)
    account.body, account.reply, account.timing, account.failure = told.body, told.reply, told.timing, told.failure


def marks_stage(collected: Collected, account: Account) -> None:
    """What a chain has to say of it; a reply from the cache asked no provider."""
    if collected.marks:
        account.marks = dict(collected.marks)
        if semconv.REPLY_ORIGIN in account.marks:
            account.answered_by = "local_cache"


def details_stage(collected: Collected, account: Account) -> None:
    """What the operation tells of its own."""
    bodies = Bodies(
        sent=account.sent, answered=account.body, path=collected.path(), answered_bytes=collected.answered_bytes()
    )
    account.details = read_details(account.call.operation.wire, bodies)


class _Alone:
    """A step that may fail: what else can be told must still be told."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is None:
            return False
        faults.report("worker", error, on_worker=True)
        return True


_alone: Final = _Alone()
