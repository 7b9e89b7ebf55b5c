"""Has guardrails look at texts, within their time; whatever happens becomes a verdict.

What waits runs on threads of its own, not on the app's executor: a judge that hangs must not take the app's workers.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import Awaitable, Generator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from llmtrace.chain import Do
from llmtrace.guardrails.held import Place
from llmtrace.guardrails.verdicts import (
    UNKNOWN,
    Decision,
    Found,
    Guardrail,
    GuardrailBlocked,
    Mode,
    Opinion,
    Stage,
    Subject,
    Verdict,
)

MOST_WAITING: Final = 64
"""So many checks may be under way at once, those that were given up included; one more is skipped."""

T = TypeVar("T")
Steps = Generator[Do, Any, T]

_looking: ContextVar[bool] = ContextVar("llmtrace_guardrail_looking", default=False)
_places = threading.BoundedSemaphore(MOST_WAITING)


class _Busy(Exception):  # noqa: N818 - not raised to anybody outside
    """Too many checks are under way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """A verdict, and what was found in each of the texts."""

    verdict: Verdict
    found: tuple[tuple[Found, ...], ...]


def is_looking() -> bool:
    """Whether this is inside a check: the calls a judge makes are not judged."""
    return _looking.get()


def look(guard: Guardrail, subjects: Sequence[Subject]) -> Steps[Looked]:
    """What a guardrail makes of texts of one stage; raises nothing."""
    began = time.perf_counter()
    try:
        if guard.waits:
            opinions = yield Do(
                work=lambda: finished(begun(guard, subjects), guard.timeout_s),
                work_async=lambda: _awaited(guard, subjects),
                waits=True,
            )
        else:
            opinions = _all(guard, subjects)
    except Exception as error:  # noqa: BLE001 - an error is a verdict
        return _unknown(guard, subjects, error, began)
    return judged(guard, subjects, opinions, began)


def begun(guard: Guardrail, subjects: Sequence[Subject]) -> Future[list[Opinion]]:
    """Begin to look, beside whatever comes next."""
    if not _places.acquire(blocking=False):
        raise _Busy
    result: Future[list[Opinion]] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result.set_result(context.run(_all, guard, subjects))
        except BaseException as error:  # noqa: BLE001 - told to who waits
            result.set_exception(error)
        finally:
            _places.release()

    threading.Thread(target=run, name=f"guardrail-{guard.name}", daemon=True).start()
    return result


def finished(result: Future[list[Opinion]], timeout_s: float) -> list[Opinion]:
    """What came of it.

    Raises:
        TimeoutError: it is not done.
        Exception: what the check raised.
    """
    return result.result(max(0.0, timeout_s))


def gathered(guard: Guardrail, subjects: Sequence[Subject], result: Future[list[Opinion]], began: float) -> Looked:
    """The same as ``look`` of what was begun, without waiting for it."""
    try:
        return judged(guard, subjects, finished(result, 0.0), began)
    except Exception as error:  # noqa: BLE001 - an error is a verdict
        return _unknown(guard, subjects, error, began)


def judged(guard: Guardrail, subjects: Sequence[Subject], opinions: Sequence[Opinion], began: float) -> Looked:
    """The verdict that follows from opinions, by the guardrail's mode."""
    flagged = [opinion for opinion in opinions if opinion.flagged]
    looked = [opinion for opinion in opinions if not opinion.skipped]
    decision, reason = Decision.PASS, ""
    if flagged:
        acts = any(opinion.hard for opinion in flagged)
        decision = Decision(
            {Mode.REDACT: "redact", Mode.BLOCK: "block"}.get(Mode(guard.mode), "flag") if acts else "flag"
        )
    elif opinions and not looked:
        decision, reason = Decision.SKIPPED, opinions[0].skipped
    scores = [opinion.score for opinion in opinions if opinion.score is not None]
    found = tuple(_found(guard, subject, opinion) for subject, opinion in zip(subjects, opinions, strict=True))
    verdict = Verdict(
        name=guard.name,
        stage=subjects[0].stage,
        decision=decision,
        score=max(scores, default=None),
        categories=tuple(dict.fromkeys(category for opinion in flagged for category in opinion.categories)),
        found=tuple(place for places in found for place in places),
        latency_ms=(time.perf_counter() - began) * 1000,
        cost_usd=sum(opinion.cost_usd for opinion in opinions),
        version=guard.version,
        reason=reason,
        refused=decision is Decision.BLOCK,
    )
    return Looked(verdict=refusing(guard, verdict), found=found)


def refusing(guard: Guardrail, verdict: Verdict) -> Verdict:
    """The verdict, which refuses the call where not knowing is not enough."""
    return replace(verdict, refused=True) if verdict.decision in UNKNOWN and guard.fail_closed else verdict


def unknown(guard: Guardrail, stage: Stage, decision: Decision, reason: str, latency_ms: float = 0.0) -> Verdict:
    """The verdict that nobody knows."""
    told = Verdict(
        name=guard.name, stage=stage, decision=decision, latency_ms=latency_ms, version=guard.version, reason=reason
    )
    return refusing(guard, told)


def placed(guards: Sequence[Guardrail], texts: Sequence[Sequence[Found]]) -> list[Place]:
    """What several guardrails found in one text, in order."""
    places = [
        Place(start=f.start, end=f.end, category=f.category, by=number, goes=guard.mode == Mode.REDACT)
        for number, (guard, found) in enumerate(zip(guards, texts, strict=True))
        for f in found
    ]
    return sorted(places, key=lambda place: (place.start, -place.end))


def enforce(verdict: Verdict) -> None:
    """Refuse the call if that is the verdict.

    Raises:
        GuardrailBlocked: it is.
    """
    if verdict.refused:
        raise GuardrailBlocked(verdict)


def _found(guard: Guardrail, subject: Subject, opinion: Opinion) -> tuple[Found, ...]:
    if opinion.found or not opinion.flagged or guard.mode != Mode.REDACT:
        return opinion.found
    # Nobody says where it stands, so all of it goes.
    return (Found(start=0, end=len(subject.text), category=guard.name),)


def _unknown(guard: Guardrail, subjects: Sequence[Subject], error: Exception, began: float) -> Looked:
    decision, reason = Decision.ERROR, type(error).__name__
    if isinstance(error, TimeoutError | FutureTimeoutError | asyncio.TimeoutError):
        decision = Decision.TIMEOUT
        reason = f"after {guard.timeout_s:g} s" if guard.waits else "too much for this text"
    elif isinstance(error, _Busy):
        decision, reason = Decision.SKIPPED, "busy"
    verdict = unknown(guard, subjects[0].stage, decision, reason, (time.perf_counter() - began) * 1000)
    return Looked(verdict=verdict, found=((),) * len(subjects))


def _all(guard: Guardrail, subjects: Sequence[Subject]) -> list[Opinion]:
    token = _looking.set(True)
    try:
        return [_opinion(_here(guard.check(subject))) for subject in subjects]
    finally:
        _looking.reset(token)


def _here(result: Opinion | Awaitable[Opinion]) -> object:
    if not inspect.isawaitable(result):
        return result

    async def wait() -> object:
        return await result

    return asyncio.run(wait())


async def _awaited(guard: Guardrail, subjects: Sequence[Subject]) -> list[Opinion]:
    if not inspect.iscoroutinefunction(guard.check):
        return await asyncio.wait_for(asyncio.wrap_future(begun(guard, subjects)), guard.timeout_s)

    async def look_all() -> list[Opinion]:
        _looking.set(True)  # of this task alone
        return [_opinion(await guard.check(subject)) for subject in subjects]  # type: ignore[misc]

    return await asyncio.wait_for(asyncio.ensure_future(look_all()), guard.timeout_s)


def _opinion(given: object) -> Opinion:
    if isinstance(given, Opinion):
        return given
    raise TypeError(f"a check gives an Opinion, not {type(given).__name__}")
