"""Equal calls at the same time are asked once: the first flies, the others wait for it to land."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from threading import Lock

from llmtrace.chain import Do


class Flights:
    """Those under way."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._lock = Lock()  # protects _flying
        self._flying: dict[str, Future[None]] = {}

    def board(self, key: str) -> Future[None] | None:
        """None for the first, who must `land`; the flight to wait for, for others."""
        with self._lock:
            flight = self._flying.get(key)
            if flight is None:
                self._flying[key] = Future()
            return flight

    def land(self, key: str) -> None:
        """The first has its answer, or none."""
        with self._lock:
            flight = self._flying.pop(key, None)
        if flight is not None:
            flight.set_result(None)

    def waiting(self, flight: Future[None]) -> Do:
        """Until it has landed, or for as long as one may wait."""

        def wait() -> None:
            if not _is_on_a_loop():  # a blocking call there may keep the first from landing
                try:
                    flight.result(self._wait_s)
                except TimeoutError:
                    return

        async def wait_async() -> None:
            await asyncio.wait([asyncio.wrap_future(flight)], timeout=self._wait_s)

        return Do(work=wait, work_async=wait_async, waits=True)


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
