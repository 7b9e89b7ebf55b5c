"""Runs checks that want something done, on a thread or on an event loop."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from llmtrace.chain import Do
from llmtrace.guardrails.checking import Steps

T = TypeVar("T")


def drive(steps: Steps[T]) -> T:
    """Run it to its end on this thread."""
    answer, error = None, None
    while True:
        try:
            step = steps.throw(error) if error is not None else steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        answer, error = None, None
        try:
            answer = step.work()
        except Exception as raised:  # noqa: BLE001  the step decides
            error = raised


async def drive_async(steps: Steps[T]) -> T:
    """Run it to its end on this event loop."""
    answer, error = None, None
    while True:
        try:
            step = steps.throw(error) if error is not None else steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        answer, error = None, None
        try:
            answer = await _done(step)
        except Exception as raised:  # noqa: BLE001  the step decides
            error = raised


async def _done(step: Do) -> object:
    if step.work_async is not None:
        return await step.work_async()
    return await asyncio.to_thread(step.work) if step.waits else step.work()
