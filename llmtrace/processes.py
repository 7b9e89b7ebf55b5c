"""What must happen when the process forks, and when it ends, whichever way it does.

fork ──▶ child: everything registered starts anew (locks may be held by threads that are gone)
end  ──▶ atexit; in a child of multiprocessing, which skips atexit, a finaliser of multiprocessing's own
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import Any, Final, Protocol
from weakref import WeakSet

from llmtrace import faults


class Forked(Protocol):
    """Something that has threads, locks or a queue."""

    def reset_after_fork(self) -> None:
        """Start anew in the child."""


_forked: Final[WeakSet[Any]] = WeakSet()
_at_exit: Final[list[Callable[[], None]]] = []


def reset_on_fork(thing: Forked) -> None:
    """Have ``thing`` reset in every child, for as long as it lives."""
    _forked.add(thing)


def run_at_exit(callback: Callable[[], None]) -> None:
    """Run ``callback`` at the end of the process, before whatever was registered with atexit so far."""
    _at_exit.append(callback)
    atexit.register(callback)


def forget_at_exit(callback: Callable[[], None]) -> None:
    """Do not run it after all."""
    atexit.unregister(callback)
    if callback in _at_exit:
        _at_exit.remove(callback)


def _run_all(_: object = None) -> None:
    for callback in reversed(_at_exit.copy()):
        try:
            callback()
        except Exception as error:  # noqa: BLE001 - the process ends whatever happens here
            faults.report("processes.exit", error, on_worker=True)


def _after_fork() -> None:
    for thing in list(_forked):
        thing.reset_after_fork()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # A child of multiprocessing clears its finalisers before it calls these, so this is the place to add one.
        util.register_after_fork(_run_all, _finalise_with)


def _finalise_with(callback: Callable[[], None]) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, callback, exitpriority=100)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
