"""Row policies: what confines a reader to a project on a ClickHouse server, where the embedded store sets filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from llmtrace_collector.access.keys import check_project
from llmtrace_collector.database import DATABASE
from llmtrace_collector.errors import ConfigError

TABLES = f"""
    SELECT DISTINCT c.table FROM system.columns AS c
    JOIN system.tables AS t ON t.database = c.database AND t.name = c.table
    WHERE c.database = '{DATABASE}' AND c.name = 'project' AND (t.engine LIKE '%MergeTree' OR t.engine = 'Distributed')
    ORDER BY c.table
"""  # noqa: S608 - our own name
"""Finds the tables with a project."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def row_policies(user: str, project: str, tables: Iterable[str]) -> Iterator[str]:
    """SQL for an administrator of the server; `tables` are those with a project, and only they are granted.

    Raises:
        ConfigError: a name cannot be one.
    """
    if not _NAME.fullmatch(user):
        raise ConfigError(
            f"{user[:100]!r} is not a user name: letters, digits and underscores, beginning with a letter"
        )
    check_project(project)
    for table in tables:
        name = f"{DATABASE}.`{table}`"
        rows = f"FOR SELECT USING project = '{project}'"
        yield f"CREATE ROW POLICY OR REPLACE `llmtrace_{user}` ON {name} {rows} TO {user}"
        yield f"GRANT SELECT ON {name} TO {user}"
