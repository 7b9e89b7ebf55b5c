"""Asks the user's judge, with a limit to the time it may take."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Semaphore, Thread
from typing import Any

from llmtrace.cache.control import control
from llmtrace.chain import Do


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Two questions of which a judge says whether one answer serves both."""

    stored: str
    """The question that the answer was given to."""
    asked: str
    answer: str
    """The text of the stored answer."""
    similarity: float
    wrong: float
    """Probability that it does not, as the curve says."""


Judge = Callable[[Doubt], Any]
"""True where the stored answer serves the question asked, False where not, None when it cannot say; or an awaitable of
one of these, for clients that do not block. What is none of these, and what it raises, is no verdict."""


class Bench:
    """A judge with its time limit. It has at most four threads, which do not keep the process from ending."""

    def __init__(self, judge: Judge, timeout_s: float) -> None:
        self._judge = judge
        self._timeout_s = timeout_s
        self._free = Semaphore(4)

    def verdict(self, doubt: Doubt) -> Do:
        """Answered with True, False, or None for no verdict.

        Raises:
            Exception: what the judge raises, and TimeoutError.
        """

        def ask() -> object:
            with control(bypass=True):
                found = self._judge(doubt)
                return asyncio.run(_awaited(found)) if inspect.isawaitable(found) else found

        def work() -> bool | None:
            return _checked(self._started(ask).result(self._timeout_s))

        async def work_async() -> bool | None:
            if inspect.iscoroutinefunction(self._judge):
                with control(bypass=True):
                    return _checked(await asyncio.wait_for(self._judge(doubt), self._timeout_s))
            running = asyncio.wrap_future(self._started(ask))
            return _checked(await asyncio.wait_for(running, self._timeout_s))

        return Do(work=work, work_async=work_async, waits=True)

    def _started(self, ask: Callable[[], object]) -> Future[object]:
        if not self._free.acquire(blocking=False):
            raise TimeoutError("the judge has four cases already")
        future: Future[object] = Future()
        future.set_running_or_notify_cancel()  # so that who stops waiting does not take its end from it

        def work() -> None:
            try:
                future.set_result(ask())
            except Exception as error:  # noqa: BLE001 - told to who waits
                future.set_exception(error)
            finally:
                self._free.release()

        Thread(target=work, name="llmtrace-judge", daemon=True).start()
        return future


async def _awaited(found: Any) -> object:
    return await found


def _checked(found: object) -> bool | None:
    return found if isinstance(found, bool) else None
