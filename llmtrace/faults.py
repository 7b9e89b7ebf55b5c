"""What happens when llmtrace itself is wrong: the app goes on, the fault is logged once per place, and counted.

Under the project's own tests (``LLMTRACE_RAISE_INTERNAL_ERRORS=1``) a fault raises instead; one on the worker thread
is kept and raised by the next flush.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter

logger = logging.getLogger("llmtrace")

counts: Counter[str] = Counter()
"""Faults so far, by place."""

_said: set[str] = set()
_deferred: list[BaseException] = []


def report(place: str, error: BaseException, *, on_worker: bool = False) -> None:
    """Take note of a fault of ours; call it from the ``except`` that caught it."""
    counts[place] += 1
    if os.environ.get("LLMTRACE_RAISE_INTERNAL_ERRORS") == "1":
        if not on_worker:
            raise error
        _deferred.append(error)
    if place not in _said and not sys.is_finalizing():  # when modules are gone half of us fails, and nobody can mend it
        _said.add(place)
        logger.warning("llmtrace: internal fault in %s; the call itself went through", place, exc_info=error)


def raise_deferred() -> None:
    """Raise what was kept from the worker thread; does nothing outside tests."""
    if _deferred:
        error = _deferred[0]
        _deferred.clear()
        raise error


def say_once(key: str, message: str, *arguments: object) -> None:
    """Log a warning the first time only."""
    if key not in _said:
        _said.add(key)
        logger.warning(message, *arguments)


def reset() -> None:
    """Forget what was said and counted: a new instrumentation may say it again."""
    counts.clear()
    _said.clear()
    _deferred.clear()
