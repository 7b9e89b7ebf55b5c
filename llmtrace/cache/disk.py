"""Entries in a SQLite file: they survive the process, and several on one machine share them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Lock
from typing import Final

from llmtrace.cache.entries import Entry, Which, from_bytes, to_bytes

_SCOPES: Final = 100
"""How many are held in memory."""
_TABLES: Final = """
create table if not exists entries (
    key text primary key, scope text, asks integer, expires_s real, used_s real, size integer, entry blob
);
create index if not exists entries_of_scope on entries (scope) where asks;
create index if not exists entries_by_use on entries (used_s);
"""


class DiskStore:
    """Bounded by number and bytes: what was longest not used goes first."""

    waits: bool = False

    def __init__(
        self,
        path: Path | str,
        *,
        max_entries: int = 100_000,
        max_bytes: int = 1024 * 1024 * 1024,
        timeout_s: float = 0.5,
    ) -> None:
        """The file is made if it is not there; `timeout_s` is how long another process may hold it.

        Raises:
            sqlite3.Error: it cannot be opened, or is none of ours.
        """
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._lock = Lock()  # protects the connection and all below
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=timeout_s, check_same_thread=False, isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = off")  # losing the newest entries with the machine is a miss
        self._db.executescript(_TABLES)
        self._scopes: dict[str, list[Entry]] = {}
        self._version = -1

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._db.close()

    def get(self, key: str, now_s: float) -> Entry | None:
        """The entry of a key, unless it has expired."""
        with self._lock:
            row = self._db.execute("select entry from entries where key = ? and expires_s > ?", (key, now_s)).fetchone()
            if row is None:
                return None
            self._db.execute("update entries set used_s = ? where key = ? and used_s < ?", (now_s, key, now_s - 60))
            return from_bytes(row[0])

    def put(self, entry: Entry, now_s: float) -> None:
        """Keep it, and forget what is then too much."""
        row = (entry.key, entry.scope, bool(entry.text), entry.expires_s, now_s, entry.size, to_bytes(entry))
        with self._lock:
            self._db.execute("insert or replace into entries values (?, ?, ?, ?, ?, ?, ?)", row)
            if entry.text and entry.scope in self._scopes:
                self._scopes[entry.scope].append(entry)
            self._db.execute("delete from entries where expires_s <= ?", (now_s,))
            many, size = self._db.execute("select count(*), coalesce(sum(size), 0) from entries").fetchone()
            while many and (many > self._max_entries or size > self._max_bytes):
                key, less = self._db.execute("select key, size from entries order by used_s limit 1").fetchone()
                self._db.execute("delete from entries where key = ?", (key,))
                many, size = many - 1, size - less

    def scope(self, scope: str, now_s: float) -> list[Entry]:  # noqa: ARG002 - Redis asks for it
        """Entries of a scope that have a question; some may be gone."""
        with self._lock:
            (version,) = self._db.execute("pragma data_version").fetchone()
            if version != self._version or len(self._scopes) > _SCOPES:  # another process has written
                self._scopes.clear()
                self._version = version
            if scope not in self._scopes:
                rows = self._db.execute("select entry from entries where scope = ? and asks order by rowid", (scope,))
                self._scopes[scope] = [entry for (data,) in rows if (entry := from_bytes(data)) is not None]
            return self._scopes[scope]

    def drop(self, which: Which) -> int:
        """Forget these; how many they were."""
        with self._lock:
            found = [
                key
                for key, data in self._db.execute("select key, entry from entries")
                if (entry := from_bytes(data)) is not None and which.fits(entry)
            ]
            for key in found:
                self._db.execute("delete from entries where key = ?", (key,))
            self._scopes.clear()
            return len(found)
