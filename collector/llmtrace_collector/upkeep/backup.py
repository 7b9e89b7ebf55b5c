"""Backups of the embedded store, taken while everything runs, and restored onto an empty folder.

DIR/backups/NAME/
  manifest.json    written last: its absence says that the backup was cut short
  engine/          the engine's own BACKUP of the database; with a base, only what the base does not have
  wal/             what was accepted and not yet stored
  watch.db         alert states and outbox
  keys.json        API keys, hashed

Accepted data is in exactly one of `engine` and `wal`: the gate is closed from before the engine notes its parts until
the log is copied (its sealed files by hard links). Then the writer goes on, and the engine copies. Of the oldest
segments one may be stored already without anybody knowing, its answer lost; BACKUP leaves out what the tables
remember of tokens. So these are inserted first, under their tokens as the writer would, and left out of the copy.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace_collector.database import DATABASE
from llmtrace_collector.errors import CollectorError, ConfigError
from llmtrace_collector.folder import DataFolder, made, write_whole
from llmtrace_collector.gate import Gate
from llmtrace_collector.landings import landings_at
from llmtrace_collector.schema.migrate import migrations
from llmtrace_collector.upkeep.tables import KEPT
from llmtrace_collector.upkeep.text import literal
from llmtrace_collector.wal import Segment, places
from llmtrace_collector.wal.recovery import OPEN, SEALED
from llmtrace_collector.wal.segment import number_of
from llmtrace_collector.writer import INSERT_SETTINGS

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

FORMAT = 1
_MANIFEST = "manifest.json"
_COUNTED = tuple(table.name for table in KEPT if table.name != "alert_events")
"""Tables that only the writer fills: their rows stand still while the gate is closed."""

_IN_DOUBT = 3
"""Of the oldest segments; the log keeps one insert in doubt at most."""


class BackupError(CollectorError):
    """A backup could not be taken, or is not what it says it is."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """What a backup says of itself."""

    format: int = FORMAT
    name: str
    taken_at: str
    """ISO, UTC."""
    schema_version: int
    base: str
    """The name of the backup beside it that has the rest; '': it is whole."""
    rows: dict[str, int]
    """By table."""
    waiting: int
    """Files of the log."""
    files: dict[str, str]
    """SHA-256 by path."""
    size_bytes: int


def load(path: Path) -> Backup:
    """Reads the manifest of a backup.

    Raises:
        ConfigError: there is none here that this llmtrace can read.
    """
    try:
        found = Backup(**json.loads((path / _MANIFEST).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ConfigError(f"{path} is no backup, or one that was cut short: {path / _MANIFEST} is not there") from None
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path / _MANIFEST} cannot be read ({error}): use another backup") from error
    if found.format != FORMAT or found.schema_version > migrations()[-1].version:
        raise ConfigError(f"{path} was taken by a newer llmtrace: restore it with that one")
    return found


def taken(folder: DataFolder) -> list[Backup]:
    """The whole backups of a data folder, oldest first."""
    found = []
    for path in sorted(folder.backups.glob(f"*/{_MANIFEST}")):
        with suppress(ConfigError):
            found.append(load(path.parent))
    return sorted(found, key=lambda backup: backup.taken_at)


def create(folder: DataFolder, client: Client, name: str, *, base: str = "") -> Backup:
    """Takes a backup while store and collector run.

    Raises:
        ConfigError: the name is taken, or the base is none.
        BackupError: the engine could not take it.
    """
    target = folder.backups / name
    if base:
        load(folder.backups / base)
    if target.exists():
        raise ConfigError(f"{target} is there already: give the backup another name")
    made(folder.backups)
    made(target)
    try:
        return _create(folder, client, target, base)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def _create(folder: DataFolder, client: Client, target: Path, base: str) -> Backup:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with Gate(folder.path).closed():
        stored = _store_oldest(client, folder.wal)
        identity = _begin(client, target.name, base)
        rows = {name: _count(client, name) for name in _present(client)}
        waiting = _copy_log(folder.wal, target / "wal", without=stored)
    _wait_until_copied(client, identity)
    if (folder.path / "keys.json").exists():
        shutil.copy2(folder.path / "keys.json", target / "keys.json")
    if folder.watch.exists():
        with closing(sqlite3.connect(folder.watch)) as source, closing(sqlite3.connect(target / "watch.db")) as copy:
            source.backup(copy)
    files = {str(path.relative_to(target)): _digest(path) for path in _files(target)}
    backup = Backup(
        name=target.name,
        taken_at=now,
        schema_version=migrations()[-1].version,
        base=base,
        rows=rows,
        waiting=waiting,
        files=files,
        size_bytes=sum(path.stat().st_size for path in _files(target)),
    )
    write_whole(target / _MANIFEST, json.dumps(asdict(backup), indent=1).encode())
    return backup


def _begin(client: Client, name: str, base: str) -> str:
    """Starts the engine's backup and waits until it has noted which parts are in it."""
    whole = f" SETTINGS base_backup = File({literal(base + '/engine')})" if base else ""
    sql = f"BACKUP DATABASE {DATABASE} TO File({literal(name + '/engine')}){whole} ASYNC"
    identity = str(client.query(sql).result_rows[0][0])
    while True:
        status, files, _ = _state(client, identity)
        if files or status != "CREATING_BACKUP":
            return identity
        time.sleep(0.02)


def _wait_until_copied(client: Client, identity: str) -> None:
    while True:
        status, _, error = _state(client, identity)
        if status == "BACKUP_CREATED":
            return
        if status != "CREATING_BACKUP":
            raise BackupError(f"the engine could not take the backup: {error.splitlines()[0][:300]}")
        time.sleep(0.1)


def _state(client: Client, identity: str) -> tuple[str, int, str]:
    sql = f"SELECT toString(status), num_files, error FROM system.backups WHERE id = {literal(identity)}"
    rows = client.query(sql).result_rows
    if not rows:
        raise BackupError("the store was started again while the backup was taken: take it again")
    return str(rows[0][0]), int(rows[0][1]), str(rows[0][2])


def _count(client: Client, table: str) -> int:
    return int(client.query(f"SELECT count() FROM {table}").result_rows[0][0])


def _present(client: Client) -> list[str]:
    sql = f"SELECT name FROM system.tables WHERE database = {literal(DATABASE)}"
    names = {row[0] for row in client.query(sql).result_rows}
    return [name for name in _COUNTED if name in names]


def _store_oldest(client: Client, wal: Path) -> frozenset[Path]:
    """Does the writer's work for the oldest segments; those that are stored for certain now."""
    from clickhouse_connect.driver.exceptions import ClickHouseError

    stored = set()
    landings = landings_at(places.schema_of(wal))
    for path in sorted(wal.rglob(f"*{SEALED}"), key=lambda each: (number_of(each), each.name))[:_IN_DOUBT]:
        segment = Segment(path=path, size_bytes=path.stat().st_size)
        landing = landings[segment.signal]
        settings = {
            **INSERT_SETTINGS,
            "format_schema": landing.schema,
            "log_comment": "given" if segment.is_given else places.identity(wal),
            "insert_deduplication_token": segment.token,
        }
        if path.with_name(f"{segment.token}.plan").exists():
            continue
        with suppress(ClickHouseError):  # it does not parse: the writer finds out why
            client.raw_insert(landing.table, insert_block=path.read_bytes(), fmt="Protobuf", settings=settings)
            stored.add(path)
    return frozenset(stored)


def _copy_log(wal: Path, target: Path, *, without: frozenset[Path]) -> int:
    """The log as it is now, and how many segments are in it: sealed ones never change and are linked."""
    made(target)
    for path in sorted(wal.rglob("*")) if wal.is_dir() else []:
        if path.is_file() and path not in without:
            _copy(path, target / path.relative_to(wal))
    # What was sealed meanwhile has another name now, and its books are newer than those copied first.
    for path in sorted(wal.rglob(f"*{SEALED}")) if wal.is_dir() else []:
        to = target / path.relative_to(wal)
        if not to.exists() and path not in without:
            _copy(path, to)
            to.with_name(path.name.partition(".")[0] + OPEN).unlink(missing_ok=True)
    return sum(1 for path in target.rglob("*") if path.suffix in {OPEN, SEALED})


def _copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileNotFoundError):  # sealed, and so renamed, just now
        if path.suffix == SEALED:
            with suppress(OSError):
                os.link(path, to)
                return
        shutil.copyfile(path, to)


def verify(path: Path) -> Backup:
    """The backup, after every file of it (and of its bases) was read.

    Raises:
        BackupError: a file is missing, changed or too many.
    """
    backup = load(path)
    there = {str(file.relative_to(path)): file for file in _files(path)}
    for name in sorted(backup.files.keys() | there.keys()):
        if name not in there:
            raise BackupError(f"{path / name} is missing: use another backup")
        if name not in backup.files:
            raise BackupError(f"{path / name} does not belong to the backup: remove it, or use another backup")
        if _digest(there[name]) != backup.files[name]:
            raise BackupError(f"{path / name} is damaged: use another backup")
    if backup.base:
        verify(path.parent / backup.base)
    return backup


def restore(path: Path, data: Path) -> Backup:
    """Makes a data folder out of a backup; `llmtrace up --data` then runs on it.

    Raises:
        ConfigError: the folder is not empty.
        BackupError: the backup is damaged, or not all rows are there afterwards.
    """
    backup = verify(path)
    if data.exists() and any(data.iterdir()):
        raise ConfigError(f"{data} is not empty: restore into a new folder")
    folder = DataFolder(data)
    with folder.lock("store"), folder.lock("collector"), _engine(folder, path.parent) as run:
        run(f"RESTORE DATABASE {DATABASE} FROM File({literal(path.name + '/engine')})")
        for table, rows in backup.rows.items():
            found = int(run(f"SELECT count() FROM {table}"))
            if found != rows:
                raise BackupError(f"{table} has {found:,} rows after the restore, the backup says {rows:,}")
    if (path / "wal").is_dir():
        shutil.copytree(path / "wal", folder.wal, dirs_exist_ok=True)
    for name in ("watch.db", "keys.json"):
        if (path / name).exists():
            shutil.copy2(path / name, folder.path / name)
    return backup


@contextmanager
def _engine(folder: DataFolder, backups: Path) -> Iterator[Callable[[str], str]]:
    """The engine over a folder, in this process; gives a function that runs a statement and answers with its text."""
    from llmtrace_collector.store.engine import Engine, EngineError, Limits

    engine = Engine(folder.engine, Limits(), backups=backups)

    def run(sql: str) -> str:
        try:
            return engine.run(sql).body.decode()
        except EngineError as error:
            raise BackupError(f"the engine cannot restore it: {str(error).splitlines()[0][:300]}") from error

    try:
        yield run
    finally:
        engine.close()


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file() and file.relative_to(path) != Path(_MANIFEST))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
