"""The gate between the writer and whoever needs the store to stand still for a moment.

Rebuilding a rollup or taking a backup must see a store into which nothing is being inserted. The collector goes on
accepting: what comes meanwhile waits in the log.

    writer    turn ──> pass ──> (let go of turn) insert, done, (let go of pass)      for each segment
    command   turn ──> pass ───────────────────────────────────── holds both ──────────────────────>

Two locks, because a lock that is let go and taken again a moment later, thousands of times, would never be got by
anybody else: whoever waits for `pass` keeps the writer from coming back by holding `turn`. They are `flock`s, so they
end with the process that holds them. Every collector has its own data folder and so its own gate.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from llmtrace_collector.errors import StoreDownError

_LOOK_AGAIN_S = 0.01


class Gate:
    """The gate of one data folder."""

    def __init__(self, folder: Path) -> None:
        self._turn = folder / "turn.lock"
        self._pass = folder / "pass.lock"

    @contextmanager
    def passing(self, given_up: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """For the writer, around one segment: waits while the gate is closed, until `given_up` says so.

        Raises:
            StoreDownError: given up; the segment stays where it is.
        """
        with ExitStack() as held:
            with _held(self._turn, given_up):
                held.enter_context(_held(self._pass, given_up))
            yield

    @contextmanager
    def closed(self, within_s: float = 60.0) -> Iterator[None]:
        """Nothing is being inserted by this folder's collector inside the block.

        Raises:
            StoreDownError: the insert that runs just now does not end within `within_s`.
        """
        deadline = time.monotonic() + within_s

        def late() -> bool:
            return time.monotonic() > deadline

        with _held(self._turn, late), _held(self._pass, late):
            yield


@contextmanager
def _held(path: Path, given_up: Callable[[], bool]) -> Iterator[IO[bytes]]:
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if given_up():
                    raise StoreDownError(
                        f"{path} is held by another process of this data folder: wait for it to end"
                    ) from None
                time.sleep(_LOOK_AGAIN_S)
            else:
                break
        yield file
