"""Numbered migrations: forward only, safe to run twice, and a newer database is refused.

A file `NNNN_name.sql` in `migrations/` holds statements, each under a line `-- name: WHAT`. A migration is recorded
in `schema_migrations` after its last statement, so one that was cut short is run again from its start: every
statement must be safe to repeat. A statement with a line `-- since: 26.2` is left out on an older ClickHouse.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from llmtrace_collector.database import DATABASE
from llmtrace_collector.errors import StoreRefusedError
from llmtrace_collector.schema.otlp import expand

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = logging.getLogger(__name__)

_SINCE = re.compile(r"^-- since: ([\d.]+)$", re.MULTILINE)
_STATEMENT = re.compile(r"^-- name: (.+)$", re.MULTILINE)
_RENAMED = "_renamed"


class Statement(str):  # noqa: SLOT000 - a few dozen of them
    """SQL, and what it needs."""

    since: tuple[int, ...] = ()
    """The version of ClickHouse it runs from; (): any."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """One step of the schema."""

    version: int
    name: str
    statements: tuple[str, ...]
    """Expanded SQL, in order."""


def migrations() -> list[Migration]:
    """All steps this code knows, in order."""
    folder = files("llmtrace_collector.schema") / "migrations"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [_read(f.name, f.read_text(encoding="utf-8")) for f in found]


def _read(filename: str, text: str) -> Migration:
    number, name = filename.removesuffix(".sql").split("_", 1)
    statements = tuple(_statement(piece) for piece in _STATEMENT.split(text)[2::2])
    return Migration(version=int(number), name=name, statements=statements)


def _statement(piece: str) -> Statement:
    without_comments = re.sub(r"^--.*$", "", piece, flags=re.MULTILINE)
    statement = Statement(expand(without_comments).strip().removesuffix(";"))
    if found := _SINCE.search(piece):
        statement.since = _version(found[1])
    return statement


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def migrate(client: Client) -> list[int]:
    """Brings the database up to this code's schema and returns the versions that were applied now.

    Raises:
        StoreRefusedError: the database was written by a newer llmtrace; an older one must not touch it.
    """
    client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    client.database = DATABASE
    client.command(
        "CREATE TABLE IF NOT EXISTS schema_migrations (version UInt32, name String, applied_at DateTime DEFAULT now())"
        " ENGINE = MergeTree ORDER BY version"
    )
    applied = {row[0] for row in client.query("SELECT DISTINCT version FROM schema_migrations").result_rows}
    known = migrations()
    if applied and max(applied) > known[-1].version:
        raise StoreRefusedError(
            f"the database has schema version {max(applied)}, this llmtrace knows {known[-1].version}:"
            " upgrade llmtrace, or point it at another data folder"
        )
    todo = [m for m in known if m.version not in applied]
    server = _version(str(client.command("SELECT version()"))) if todo else ()
    for migration in todo:
        for statement in migration.statements:
            if getattr(statement, "since", ()) <= server:
                client.command(statement)
            else:
                log.warning("%s: a part is left out, it needs a newer ClickHouse than %s", migration.name, server)
        client.insert("schema_migrations", [[migration.version, migration.name]], column_names=["version", "name"])
    if todo:
        keep_identities(client)
    return [m.version for m in todo]


def behind(client: Client) -> bool:
    """Whether the database has an earlier schema than this code; False also when it has none."""
    parameters = {"database": DATABASE}
    there = "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'"
    if not client.query(there, parameters=parameters).result_rows[0][0]:
        return False
    client.database = DATABASE
    newest = client.query("SELECT max(version) FROM schema_migrations").result_rows[0][0]
    return bool(newest < migrations()[-1].version)


def keep_identities(client: Client) -> None:
    """Gives views whose query was changed the identity that they will have after ClickHouse's next start.

    What a table behind a view remembers of an insert is made of the insert's token and of the views on its way. From
    `MODIFY QUERY` until ClickHouse starts anew, a view goes by its name there, later by its UUID: an insert before
    the restart and its repetition after it would both be stored. A view that was renamed has its UUID back at once,
    and inserts meanwhile find it under either name. Safe to repeat, wherever it was cut short.
    """
    views = client.query(
        "SELECT name FROM system.tables WHERE database = {database:String} AND engine = 'MaterializedView'",
        parameters={"database": DATABASE},
    ).result_rows
    for name in sorted({row[0].removesuffix(_RENAMED) for row in views}):
        for before, after in ((name + _RENAMED, name), (name, name + _RENAMED), (name + _RENAMED, name)):
            client.command(f"RENAME TABLE IF EXISTS {before} TO {after}")
