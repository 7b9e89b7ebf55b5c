"""Runs a chain of steps around a call, for clients that block and for those that do not.

A step that fails is left out: the call goes through as it would have without it. What it raises on purpose is a
`ChainRefusal`; what the provider raised passes through as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, Protocol

from llmtrace.chain.effects import Do, Effect, Send
from llmtrace.chain.exchange import Asked, Reply

Steps = Generator[Effect, Any, Reply]
Proceed = Callable[[Asked], Steps]
"""What is further in: the next step, or the provider."""


class ChainRefusal(Exception):  # noqa: N818  the base of what users catch, such as GuardrailBlocked
    """A call was refused on the user's behalf: the app sees it."""


class Step(Protocol):
    """One of the chain."""

    name: str
    fault_mark: str
    """The span attribute that says which fault of its own it was left out for."""

    def around(self, asked: Asked, proceed: Proceed) -> Steps:
        """Answers `asked`: with what `yield from proceed(asked)` returns, or otherwise.

        Raises:
            ChainRefusal: the app is to see it. Anything else is taken for a fault of the step.
        """


Report = Callable[[str, Exception], None]
"""Told which step failed, and how."""


def chained(steps: Sequence[Step], report: Report) -> Proceed:
    """The steps around the provider, the first outermost."""
    inner: Proceed = _send
    for step in reversed(steps):
        inner = _guarded(step, inner, report)
    return inner


def _send(asked: Asked) -> Steps:
    reply: Reply = yield Send(asked=asked)
    return reply


def _guarded(step: Step, inner: Proceed, report: Report) -> Proceed:
    def around(asked: Asked) -> Steps:
        seen = _Seen(inner)
        try:
            return _checked((yield from step.around(asked, seen.proceed)))
        except ChainRefusal:
            raise
        except Exception as error:
            if any(error is theirs for theirs in seen.raised):
                raise
            report(step.name, error)
            asked.marks[step.fault_mark] = type(error).__name__
        # Not from inside the handler: an error of the provider must not come with ours for a context.
        if seen.replies:
            return seen.replies[-1]
        if seen.raised:
            raise seen.raised[-1]
        return (yield from inner(asked))

    return around


class _Seen:
    """What came from further in, so that it is not lost with a step that fails."""

    def __init__(self, inner: Proceed) -> None:
        self._inner = inner
        self.replies: list[Reply] = []
        self.raised: list[BaseException] = []

    def proceed(self, asked: Asked) -> Steps:
        try:
            reply = yield from self._inner(asked)
        except BaseException as error:
            self.raised.append(error)
            raise
        self.replies.append(reply)
        return reply


def _checked(reply: object) -> Reply:
    if isinstance(reply, Reply):
        return reply
    raise TypeError(f"a step returns a Reply, not {type(reply).__name__}")


def run(chain: Proceed, asked: Asked, send: Callable[[Asked], Reply]) -> Reply:
    """Runs it to its end on this thread.

    Raises:
        ChainRefusal: of a step.
        BaseException: whatever `send` raises.
    """
    steps = chain(asked)
    step = _first(steps)
    while isinstance(step, (Send, Do)):
        try:
            answer = send(step.asked) if isinstance(step, Send) else step.work()
        except BaseException as error:  # noqa: BLE001  the step decides
            step = _next(steps, error=error)
        else:
            step = _next(steps, answer)
    return step


async def run_async(chain: Proceed, asked: Asked, send: Callable[[Asked], Awaitable[Reply]]) -> Reply:
    """Runs it to its end on this event loop.

    Raises:
        ChainRefusal: of a step.
        BaseException: whatever `send` raises, and cancellation.
    """
    steps = chain(asked)
    step = _first(steps)
    while isinstance(step, (Send, Do)):
        try:
            answer = await send(step.asked) if isinstance(step, Send) else await _done(step)
        except BaseException as error:  # noqa: BLE001  the step decides
            step = _next(steps, error=error)
        else:
            step = _next(steps, answer)
    return step


async def _done(step: Do) -> Any:
    if step.work_async is not None:
        return await step.work_async()
    return await asyncio.to_thread(step.work) if step.waits else step.work()


def _first(steps: Steps) -> Effect | Reply:
    return _next(steps, None)


def _next(steps: Steps, answer: Any = None, *, error: BaseException | None = None) -> Effect | Reply:
    try:
        return steps.throw(error) if error is not None else steps.send(answer)
    except StopIteration as done:
        reply: Reply = done.value
        return reply
