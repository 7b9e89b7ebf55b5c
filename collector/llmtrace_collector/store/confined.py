"""What a reader with a project's key gets: the engine's own filter on every table, set where they cannot reach it.

    additional_table_filters = {'llmtrace.spans': 'project = ''shop''', ..., 'llmtrace.x': '0'}

The engine adds the filter wherever it reads a table: in subqueries, joins, unions, behind views and on the right of IN
(tried, `tests/collector/test_projects.py`). A table without a project is closed. `readonly=1`, set after it, keeps it.

A filter is not yet a wall: a condition of the reader's that runs before it tells by an error what it met,
`intDiv(1, user_id != 'bob')` (tried: it did). So nothing of theirs is pushed below the filter, PREWHERE is refused, and
so is what tells of a table as a whole: EXPLAIN, system.parts, limits on rows read. The primary key still serves both.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmtrace_collector.database import DATABASE
from llmtrace_collector.store.engine import Engine

PUBLIC = frozenset({"schema_migrations"})
"""Tables of nobody's data that stay open."""

PLAN = {
    "optimize_move_to_prewhere": "0",
    "optimize_use_implicit_projections": "0",
    "optimize_use_projections": "0",
    "output_format_write_statistics": "0",
    "query_plan_filter_push_down": "0",
    "query_plan_merge_filters": "0",
    "query_plan_optimize_prewhere": "0",
    "use_query_condition_cache": "0",
}
"""Settings that keep a reader's conditions above the filter, and counts of what was read out of answers."""

TELLING = frozenset({"allow_experimental_analyzer", "final", "max_bytes_to_read", "max_rows_to_read"})
"""Settings a confined reader may not give: another planner, or an error that counts others' rows."""

_TABLES = f"""
    SELECT t.name, t.engine = 'View', countIf(c.name = 'project') > 0
    FROM system.tables AS t LEFT JOIN system.columns AS c ON c.database = t.database AND c.table = t.name
    WHERE t.database = '{DATABASE}' GROUP BY t.name, t.engine ORDER BY t.name
"""  # noqa: S608 - our own name


def settings(engine: Engine, project: str) -> Mapping[str, str]:
    """The settings that confine a statement to a project.

    The tables are looked up each time: one that was made since would be open.
    """
    rows = engine.run(_TABLES, database="system").body.decode().splitlines()
    filters = [entry for row in rows if (entry := _entry(*row.split("\t"), project=project))]
    return {**PLAN, "additional_table_filters": "{" + ",".join(filters) + "}"}


def _entry(table: str, is_view: str, has_project: str, *, project: str) -> str:
    """One pair of the map; '' for what needs none. A view is read through, down to tables that have theirs."""
    if table in PUBLIC or (is_view == "1" and has_project == "0"):
        return ""
    # Project names are letters, digits, dots, dashes and underscores.
    condition = f"project = ''{project}''" if has_project == "1" else "0"
    return f"'{DATABASE}.{table}':'{condition}'"
