"""How a call ended: noted plainly on the caller's thread, judged on the worker's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from llmtrace import faults
from llmtrace.calls import Failure
from llmtrace.reading.replies import read_failure

if TYPE_CHECKING:
    from llmtrace.reading.streamed import Streamed

End = Literal["returned", "exhausted", "closed", "broken", "abandoned"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a call ended, as plainly as the caller's thread could note it."""

    end: End
    end_ns: int
    failure: Failure | None = None
    error_body: object = None
    """The provider's error object, as the client parsed it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """A client that reads a stream itself, and raises its own exceptions on top of those of the HTTP library."""

    timeouts: Callable[[], tuple[type[BaseException], ...]]
    errors: Callable[[], tuple[type[BaseException], ...]]
    on_timeout: str
    on_error: str

    def raises(self, failure: Failure, error: BaseException) -> Failure:
        """``failure`` as the app sees it."""
        if isinstance(error, self.timeouts()):
            return replace(failure, type=self.on_timeout, cause=failure.type)
        if isinstance(error, self.errors()):
            return replace(failure, type=self.on_error, cause=failure.type)
        return failure


def failure_of(error: BaseException) -> Failure:
    """What an exception tells, without keeping it: its traceback would keep the caller's frames alive."""
    status = attribute_of(error, "status_code")
    cause = error.__cause__
    return Failure(
        type=type(error).__qualname__,
        cause=None if cause is None else type(cause).__qualname__,
        status_code=status if isinstance(status, int) else None,
        message=_message(error),
    )


def attribute_of(error: BaseException, name: str) -> Any:
    """An attribute of any exception, or None: some are properties that raise, such as ``request`` in httpx."""
    try:
        return getattr(error, name, None)
    except Exception:  # noqa: BLE001 - whatever it raises, it has nothing to tell
        return None


def failure_told(outcome: Outcome) -> Failure | None:
    """The failure the caller met, with what the provider's error object adds to it."""
    if outcome.failure is None:
        return None
    told = read_failure(outcome.error_body)
    return replace(outcome.failure, code=told.code, message=told.message or outcome.failure.message)


def stream_end(outcome: Outcome, streamed: Streamed, *, kept_whole: bool) -> str:
    """How a stream ended, in one of the words of ``llmtrace.response.stream_end``."""
    if outcome.end == "broken" or streamed.failure is not None:
        return "broken"
    if streamed.finished:
        return "completed"
    if not kept_whole:
        return "not_kept"
    return "cut_off" if outcome.end in ("exhausted", "returned") else outcome.end


def _message(error: BaseException) -> str | None:
    try:
        return str(error) or None
    except Exception as fault:  # noqa: BLE001 - an exception of the app may not know how to print itself
        faults.report("outcomes.message", fault, on_worker=True)
        return None
