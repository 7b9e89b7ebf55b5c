"""watch.db: one SQLite file that makes a transition and its notices one transaction.

WAL with synchronous=FULL: what a transaction committed is there after kill -9 and after a power cut
(https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.watch.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SQL = statements("journal.sql")
_POLICY = statements("policy.sql")
_STANDBY = statements("standby.sql")
_EDITED = statements("edited.sql")

_VERSION = 4


class Journal:
    """The one connection of this process to watch.db; threads take turns."""

    def __init__(self, path: Path) -> None:
        """Opens `path`, or makes it, readable by its owner alone.

        Raises:
            ConfigError: it cannot be opened, is no database, or was written by a newer llmtrace.
        """
        self._lock = threading.RLock()
        """Held for a transaction; never while the network is waited for."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            try:
                self._prepare(path)
            except BaseException:
                self._db.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"{path} cannot be opened as the watch's database: {error}; move it away") from error

    def _prepare(self, path: Path) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise ConfigError(f"{path} has version {version}, this llmtrace knows {_VERSION}: upgrade llmtrace")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        steps = self._new_columns() + [SQL[f"upgrade_{step}"] for step in range(version, _VERSION)] if version else []
        tables = " ".join([*steps, SQL["schema"], _POLICY["schema"], _STANDBY["schema"], _EDITED["schema"]])
        self._db.executescript(f"BEGIN IMMEDIATE; {tables} PRAGMA user_version = {_VERSION}; COMMIT;")

    def _new_columns(self) -> list[str]:
        """Columns of tables that some files have from before them."""
        found = {row["name"] for row in self._db.execute("PRAGMA table_info(members)")}
        return (
            ["ALTER TABLE members ADD COLUMN quiet TEXT NOT NULL DEFAULT '';"] if found and "quiet" not in found else []
        )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; one that only reads writes nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Closes the file; twice is safe."""
        with self._lock:
            self._db.close()
