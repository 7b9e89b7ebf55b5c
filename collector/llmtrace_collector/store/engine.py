"""The embedded engine: one chDB over one folder, a fresh connection for each statement.

A connection costs 0.5 ms and carries its own settings and database, so nothing leaks from one request into the next.
The engine belongs to the process that opened it: a second one on the same folder is refused by chDB itself, and a
fork after opening hangs.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from llmtrace_collector.database import DATABASE
from llmtrace_collector.errors import ConfigError

_CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")


class EngineError(Exception):
    """The engine refused a statement: `code` is ClickHouse's exception code, the text its message."""

    def __init__(self, message: str) -> None:
        start = message.rfind("Code: ") if message.count("DB::Exception") > 1 else message.find("Code: ")
        super().__init__(message[max(start, 0) :].strip())
        found = _CODE.search(message)
        self.code = int(found[1]) if found else 1002
        """1002 is ClickHouse's UNKNOWN_EXCEPTION."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a statement gave."""

    body: bytes
    rows_read: int
    bytes_read: int
    rows_written: int
    elapsed_ns: int


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the engine may take of the machine."""

    memory_bytes: int = 2 * 1024**3
    """Of all queries and inserts together; the engine refuses with code 241 beyond it."""
    mark_cache_bytes: int = 128 * 1024**2
    merge_threads: int = 2
    query_threads: int = 0
    """Per query; 0: as many as there are cores."""


class Engine:
    """ClickHouse inside this process, over one folder."""

    def __init__(self, folder: Path, limits: Limits, *, backups: Path | None = None) -> None:
        """Opens the folder, made with mode 0700 when it is not there.

        `backups` is the one folder that BACKUP may write to and RESTORE read from; without it there is none.

        Raises:
            ConfigError: another process has it open, or it is not an engine's folder.
        """
        import chdb

        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        options: dict[str, int | Path] = {
            "max_server_memory_usage": limits.memory_bytes,
            "mark_cache_size": limits.mark_cache_bytes,
            "background_pool_size": limits.merge_threads,
        }
        if backups is not None:
            options["backups.allowed_path"] = backups
        self._connect = chdb.connect
        self._target = f"{folder}?{urlencode(options, safe='/')}"  # chDB does not decode paths
        self._base = {"log_queries": "0"}
        if limits.query_threads:
            self._base["max_threads"] = str(limits.query_threads)
        self._spool = folder.parent / "spool"
        self._spool.mkdir(exist_ok=True, mode=0o700)
        for left in self._spool.iterdir():
            left.unlink()
        try:
            self._keeper = chdb.connect(self._target)
        except Exception as error:
            raise ConfigError(
                f"the embedded engine cannot open {folder}: another process holds it, or the files are damaged"
            ) from error
        self.run(f"CREATE DATABASE IF NOT EXISTS {DATABASE}", database="system")

    def run(
        self,
        sql: str,
        *,
        data: bytes | None = None,
        settings: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        database: str = DATABASE,
        output_format: str = "TabSeparated",
        readonly: bool = False,
    ) -> Answer:
        """Runs one statement on a connection of its own.

        `data` are the bytes of an `INSERT ... FORMAT X`; `parameters` the values of `{name:Type}` placeholders, in
        the escaped text form of the HTTP interface; `readonly` sets `readonly=1` after the settings.

        Raises:
            EngineError: with ClickHouse's code and message.
        """
        handle = self._connect(self._target)
        try:
            self._prepare(handle, database, {**self._base, **(settings or {})}, readonly=readonly)
            if data is None:
                return self._query(handle, sql, output_format, parameters)
            with self._spooled(data) as path:
                return self._query(handle, from_infile(sql, path), output_format, parameters)
        finally:
            handle.close()

    def _prepare(self, handle: Any, database: str, settings: Mapping[str, str], *, readonly: bool) -> None:
        self._query(handle, f"USE {_identifier(database)}", "TabSeparated", None)
        for name, value in settings.items():
            self._query(handle, f"SET {_identifier(name)} = {_literal(value)}", "TabSeparated", None)
        if readonly:
            self._query(handle, "SET readonly = 1", "TabSeparated", None)

    @staticmethod
    def _query(handle: Any, sql: str, output_format: str, parameters: Mapping[str, str] | None) -> Answer:
        try:
            result = handle.query(sql, output_format, params=dict(parameters or {}))
        except Exception as error:
            raise EngineError(str(error)) from error
        return Answer(
            body=result.bytes() or b"",
            rows_read=result.rows_read(),
            bytes_read=result.bytes_read(),
            rows_written=result.rows_written(),
            elapsed_ns=int(result.elapsed() * 1e9),
        )

    @contextmanager
    def _spooled(self, data: bytes) -> Iterator[Path]:
        """`data` as a file: chDB takes binary insert bodies whole only from one (tried with Protobuf)."""
        descriptor, name = tempfile.mkstemp(dir=self._spool)
        path = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the engine; what was inserted is on disk."""
        self._keeper.close()


_INSERT_FORMAT = re.compile(r"\sFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)


def from_infile(insert: str, path: Path) -> str:
    """`INSERT INTO t (a) FORMAT X` as `INSERT INTO t (a) FROM INFILE 'path' FORMAT X`."""
    match = _INSERT_FORMAT.search(insert)
    if match is None:
        raise EngineError("Code: 62. DB::Exception: an INSERT with data must end in FORMAT and the format's name")
    # 'none': a file name's ending must not be taken for a compression.
    return f"{insert[: match.start()]} FROM INFILE {_literal(str(path))} COMPRESSION 'none' FORMAT {match[1]}"


def _identifier(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise EngineError(f"Code: 36. DB::Exception: {name!r} is not a name")
    return f"`{name}`" if name.lower() == DATABASE else name


def _literal(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
