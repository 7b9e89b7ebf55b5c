"""A store whose faults are misses, and which is left alone for a while after one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from llmtrace.cache.entries import Entry, Store, Which

_REST_S: Final = 5.0

T = TypeVar("T")


class CarefulStore:
    """Never raises, but for `drop`: an invalidation that was not done must be known."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.waits = store.waits
        self._rests_until_s = 0.0

    def get(self, key: str, now_s: float, fault: Callable[[Exception], None]) -> Entry | None:
        """The entry of a key; None when there is none, or no way to know."""
        return self._tried(lambda: self.store.get(key, now_s), None, now_s, fault)

    def put(self, entry: Entry, now_s: float, fault: Callable[[Exception], None]) -> None:
        """Keep it if that can be done."""
        self._tried(lambda: self.store.put(entry, now_s), None, now_s, fault)

    def scope(self, scope: str, now_s: float, fault: Callable[[Exception], None]) -> list[Entry]:
        """Entries of a scope that have a question."""
        return self._tried(lambda: self.store.scope(scope, now_s), [], now_s, fault)

    def drop(self, which: Which) -> int:
        """Forget these; how many they were.

        Raises:
            Exception: of the store.
        """
        return self.store.drop(which)

    def _tried(self, work: Callable[[], T], instead: T, now_s: float, fault: Callable[[Exception], None]) -> T:
        if self._rests_until_s - _REST_S <= now_s < self._rests_until_s:
            return instead
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - a miss
            self._rests_until_s = now_s + _REST_S
            fault(error)
            return instead
