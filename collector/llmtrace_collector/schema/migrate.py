"""Numbered migrations: forward only, safe to run twice, and a newer database is refused.

A file `NNNN_name.sql` in `migrations/` holds statements, each under a line `-- name: WHAT`. A migration is recorded
in `schema_migrations` after its last statement, so one that was cut short is run again from its start: every
statement must be safe to repeat. A statement with a line `-- since: 26.2` is left out on an older ClickHouse.

On a cluster each statement is run in the form that `cluster` makes of it. One collector at a time migrates (`lock`).
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from llmtrace_collector.database import DATABASE, SHARD_DATABASE
from llmtrace_collector.errors import StoreRefusedError
from llmtrace_collector.schema import lock
from llmtrace_collector.schema.cluster import Layout, cluster_of, databases
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


LEDGER = (
    "CREATE TABLE IF NOT EXISTS schema_migrations (version UInt32, name String, applied_at DateTime DEFAULT now())"
    " ENGINE = MergeTree ORDER BY version"
)
"""Remembers what was applied."""


def layout() -> Layout:
    """What each name of the schema is, for a cluster."""
    return Layout.of([LEDGER, *(statement for migration in migrations() for statement in migration.statements)])


def migrate(client: Client, *, cluster: str = "", owner: str = "a collector") -> list[int]:
    """Brings the database up to this code's schema and returns the versions that were applied now.

    `cluster` names the cluster of which the client's server is a node; `owner` is who does it, as another collector is
    told: the same one takes over a lock that it left.

    Raises:
        StoreRefusedError: the database was written by a newer llmtrace, which an older one must not touch; or it was
            made for a cluster and this is none, or the other way round.
        StoreDownError: another collector is doing it.
    """
    made_of = _Forms(cluster)
    for statement in databases(cluster) if cluster else [f"CREATE DATABASE IF NOT EXISTS {DATABASE}"]:
        client.command(statement)
    client.database = DATABASE
    _must_agree(client, cluster)
    for statement in made_of(LEDGER):
        client.command(statement)
    known = migrations()
    if not _todo(client, known):
        return []
    with lock.held(client, owner, cluster=cluster) as held:
        # What another has applied by now is done.
        todo = _todo(client, known)
        server = _version(str(client.command("SELECT version()"))) if todo else ()
        for migration in todo:
            held.renew()
            for statement in migration.statements:
                if getattr(statement, "since", ()) <= server:
                    for each in made_of(statement):
                        client.command(each)
                else:
                    log.warning("%s: a part is left out, it needs a newer ClickHouse than %s", migration.name, server)
            client.insert("schema_migrations", [[migration.version, migration.name]], column_names=["version", "name"])
        if todo:
            keep_identities(client, cluster=cluster)
    return [m.version for m in todo]


class _Forms:
    """A statement as it is, or as a cluster has it."""

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._layout = layout() if cluster else Layout()

    def __call__(self, statement: str) -> list[str]:
        return self._layout.form(statement, self._cluster) if self._cluster else [statement]


def _todo(client: Client, known: list[Migration]) -> list[Migration]:
    applied = {row[0] for row in client.query("SELECT DISTINCT version FROM schema_migrations").result_rows}
    if applied and max(applied) > known[-1].version:
        raise StoreRefusedError(
            f"the database has schema version {max(applied)}, this llmtrace knows {known[-1].version}:"
            " upgrade llmtrace, or point it at another data folder"
        )
    return [m for m in known if m.version not in applied]


def _must_agree(client: Client, cluster: str) -> None:
    """One server's tables are not made a cluster's by the way, nor the other way round."""
    there = client.command(f"EXISTS TABLE {DATABASE}.schema_migrations")
    made_for = cluster_of(client) if there else cluster
    if made_for and not cluster:
        raise StoreRefusedError(
            f"the database {DATABASE} was made for the cluster {made_for}: start with --cluster {made_for}"
        )
    if cluster and made_for != cluster:
        was = f"for the cluster {made_for}" if made_for else "without a cluster"
        raise StoreRefusedError(
            f"the database {DATABASE} was made {was}: leave --cluster {cluster} out, or name another database"
            " with LLMTRACE_DATABASE"
        )


def version(client: Client) -> int:
    """The schema version of the database; 0 when it has none."""
    parameters = {"database": DATABASE}
    there = "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'"
    if not client.query(there, parameters=parameters).result_rows[0][0]:
        return 0
    client.database = DATABASE
    return int(client.query("SELECT max(version) FROM schema_migrations").result_rows[0][0])


def newest() -> int:
    """The schema version of this code."""
    return migrations()[-1].version


def keep_identities(client: Client, *, cluster: str = "") -> None:
    """Gives views whose query was changed the identity that they will have after ClickHouse's next start.

    What a table behind a view remembers of an insert is made of the insert's token and of the views on its way. From
    `MODIFY QUERY` until ClickHouse starts anew, a view goes by its name there, later by its UUID: an insert before
    the restart and its repetition after it would both be stored. A view that was renamed has its UUID back at once,
    and inserts meanwhile find it under either name. Safe to repeat, wherever it was cut short.
    """
    on = f" ON CLUSTER `{cluster}`" if cluster else ""
    views = client.query(
        "SELECT database, name FROM system.tables"
        " WHERE database IN {databases:Array(String)} AND engine = 'MaterializedView'",
        parameters={"databases": [DATABASE, SHARD_DATABASE] if cluster else [DATABASE]},
    ).result_rows
    for database, name in sorted({(database, name.removesuffix(_RENAMED)) for database, name in views}):
        for before, after in ((name + _RENAMED, name), (name, name + _RENAMED), (name + _RENAMED, name)):
            client.command(f"RENAME TABLE IF EXISTS {database}.{before} TO {database}.{after}{on}")
