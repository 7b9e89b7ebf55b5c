"""What a step of a chain can have done for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from llmtrace.chain.exchange import Asked

Work = Callable[[], Any]


@dataclass(frozen=True, kw_only=True)
class Send:
    """Ask the provider; answered with a `Reply`, or raises what the client raises."""

    asked: Asked


@dataclass(frozen=True, kw_only=True)
class Do:
    """Have something worked out; answered with its result, or raises what it raises."""

    work: Work
    """For a client that blocks; and for others, on a thread where it `waits`, unless there is `work_async`."""
    work_async: Callable[[], Awaitable[Any]] | None = None
    waits: bool = False
    """Whether it takes longer than an event loop can stand still: a network, a large model."""


Effect = Send | Do
