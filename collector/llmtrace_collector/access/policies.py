"""Row policies: what confines a reader to a project on a ClickHouse server, where the embedded store sets filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from llmtrace_collector.access.keys import check_project
from llmtrace_collector.database import DATABASE, SHARD_DATABASE
from llmtrace_collector.errors import ConfigError

TABLES = f"""
    SELECT DISTINCT c.database, c.table FROM system.columns AS c
    JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
    WHERE c.database IN ('{DATABASE}', '{SHARD_DATABASE}') AND c.name = 'project'
        AND (t.engine LIKE '%MergeTree' OR t.engine = 'Distributed')
    ORDER BY c.database, c.table
"""  # noqa: S608 - our own names
"""Finds the tables with a project; on a cluster the distributed ones and what is behind them."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def row_policies(user: str, project: str, tables: Iterable[tuple[str, str]], *, cluster: str = "") -> Iterator[str]:
    """SQL for an administrator of the server.

    `tables` are database and name of those with a project, and only they are granted.

    Raises:
        ConfigError: a name cannot be one.
    """
    if not _NAME.fullmatch(user):
        raise ConfigError(
            f"{user[:100]!r} is not a user name: letters, digits and underscores, beginning with a letter"
        )
    check_project(project)
    on = f" ON CLUSTER `{cluster}`" if cluster else ""
    for database, table in tables:
        name = f"{database}.`{table}`"
        rows = f"FOR SELECT USING project = '{project}'"
        yield f"CREATE ROW POLICY OR REPLACE `llmtrace_{user}`{on} ON {name} {rows} TO {user}"
        yield f"GRANT{on} SELECT ON {name} TO {user}"
