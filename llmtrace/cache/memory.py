"""Entries in the memory of this process."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from llmtrace.cache.entries import Entry, Which


class Shelf:
    """The entries of a scope, in the order they came; those that have gone stay until they are many."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.gone = 0

    def add(self, entry: Entry) -> None:
        """At the end."""
        self.entries.append(entry)

    @property
    def is_empty(self) -> bool:
        """Whether all have gone."""
        return self.gone >= len(self.entries)


class MemoryStore:
    """Bounded by number and bytes: what was longest not used goes first. Gone with the process."""

    waits: bool = False

    def __init__(self, *, max_entries: int = 10_000, max_bytes: int = 256 * 1024 * 1024) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._lock = Lock()  # protects all below
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._scopes: dict[str, Shelf] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, now_s: float) -> Entry | None:
        """The entry of a key, unless it has expired."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.expires_s <= now_s:
                self._forget(key)
                return None
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, entry: Entry, now_s: float) -> None:  # noqa: ARG002 - others look at it
        """Keep it, and forget what is then too much."""
        with self._lock:
            self._forget(entry.key)
            self._entries[entry.key] = entry
            self._bytes += entry.size
            if entry.text:
                self._scopes.setdefault(entry.scope, Shelf()).add(entry)
            while self._entries and (len(self._entries) > self._max_entries or self._bytes > self._max_bytes):
                self._forget(next(iter(self._entries)))

    def scope(self, scope: str, now_s: float) -> list[Entry]:  # noqa: ARG002 - Redis asks for it
        """Entries of a scope that have a question; some may be gone."""
        with self._lock:
            shelf = self._scopes.get(scope)
            return shelf.entries if shelf is not None else []

    def drop(self, which: Which) -> int:
        """Forget these; how many they were."""
        with self._lock:
            found = [key for key, entry in self._entries.items() if which.fits(entry)]
            for key in found:
                self._forget(key)
            return len(found)

    def _forget(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._bytes -= entry.size
        shelf = self._scopes.get(entry.scope) if entry.text else None
        if shelf is None:
            return
        shelf.gone += 1
        if shelf.is_empty:
            del self._scopes[entry.scope]
        elif shelf.gone > 100 + len(shelf.entries) // 10:
            shelf.entries = [each for each in shelf.entries if self._entries.get(each.key) is each]
            shelf.gone = 0
