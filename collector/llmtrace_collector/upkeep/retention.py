"""How long rows are kept: per table, and per project where a project has a rule of its own.

Settings are rows of the table `retention`; the newest of a (table, project) holds. It takes effect as a TTL::

    toDateTime(timestamp) + toIntervalDay(transform(toString(project), ['acme', 'lab'], [400, 7], 90))

so rows go in the engine's own merges: with no process of ours running, and the same in the embedded engine, on a server
and on replicas. A dictionary would have to be there before the tables, and a scheduled deletion rewrites parts that a
TTL drops whole. The price: a changed setting is an ALTER, whose work the engine does in the background.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from llmtrace_collector.database import database_of
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.upkeep.tables import AGEING, Kept, Rollup
from llmtrace_collector.upkeep.text import literals, split_outside_brackets

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

MOST_DAYS = 10_000
"""27 years; the times of a TTL end in 2106."""

_TTL = re.compile(r" ENGINE = .*? TTL (.*?)(?: SETTINGS | COMMENT '|$)", re.DOTALL)
_MOVES = re.compile(r" TO (?:DISK|VOLUME) '")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One wish: this table, for this project or for all, so many days."""

    table: str
    project: str = ""
    """'': every project without a row of its own."""
    days: int
    """0: what was set is taken back."""


@dataclass(frozen=True, kw_only=True)
class Retention:
    """What holds for one table."""

    table: str
    days: int
    """For every project without a rule of its own."""
    projects: Mapping[str, int]
    """Days by project, where they differ."""
    applied: bool
    """The table's TTL says the same."""


def check(settings: Sequence[Setting]) -> None:
    """Says what is wrong with settings.

    Raises:
        ConfigError: a table or a number of days is not one.
    """
    names = [table.name for table in AGEING]
    for setting in settings:
        if setting.table not in names:
            raise ConfigError(f'"{setting.table}" is no table with a retention; these are: {", ".join(names)}')
        if not 0 <= setting.days <= MOST_DAYS:
            raise ConfigError(
                f"{setting.table}: {setting.days} days is not from 1 to {MOST_DAYS:,}; 0 takes back what was set"
            )


def store(client: Client, settings: Sequence[Setting], *, who: str) -> None:
    """Stores those settings that the database does not have already."""
    check(settings)
    known = _settings(client)
    for setting in settings:
        if known.get(setting.table, {}).get(setting.project, 0) != setting.days:
            client.command(
                "INSERT INTO retention SELECT now64(3), {table:String}, {project:String}, {days:UInt32}, {who:String}",
                parameters={"table": setting.table, "project": setting.project, "days": setting.days, "who": who},
            )


def apply(client: Client) -> list[str]:
    """Brings the tables' TTLs to what is set; the tables that changed. Safe to repeat."""
    wanted = _settings(client)
    changed = []
    for table in AGEING:
        text = _create_query(client, table.name)
        clauses = _ttl_clauses(text)
        moves = [clause for clause in clauses if _MOVES.search(clause)]
        new = [expression(table, wanted.get(table.name, {})), *moves]
        if text and clauses != new:
            client.command(f"ALTER TABLE {table.name} MODIFY TTL {', '.join(new)}")
            changed.append(table.name)
    return changed


def show(client: Client) -> list[Retention]:
    """What holds for each table."""
    wanted = _settings(client)
    found = []
    for table in AGEING:
        if text := _create_query(client, table.name):
            days = wanted.get(table.name, {})
            found.append(
                Retention(
                    table=table.name,
                    days=days.get("", table.days),
                    projects={project: n for project, n in days.items() if project},
                    applied=expression(table, days) in _ttl_clauses(text),
                )
            )
    return found


def load(path: Path) -> list[Setting]:
    """The settings in a YAML file: `TABLE: DAYS`, and the same for each project below `projects`.

    Raises:
        ConfigError: the file is not of this form.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"the retention file {path} cannot be read: {str(error).splitlines()[0]}") from error
    projects = content.get("projects") or {} if isinstance(content, dict) else None
    if not isinstance(projects, dict):
        raise ConfigError(f"the retention file {path} must be a list of `table: days`, with `projects:` of the same")
    groups = {"": {k: v for k, v in content.items() if k != "projects"}, **projects}
    settings = [setting for project, tables in groups.items() for setting in _of_project(path, str(project), tables)]
    check(settings)
    return settings


def _of_project(path: Path, project: str, tables: object) -> list[Setting]:
    if not isinstance(tables, dict):
        raise ConfigError(f"the retention file {path}: projects.{project} must be a list of `table: days`")
    for table, days in tables.items():
        if type(days) is not int:
            raise ConfigError(f'the retention file {path}: {table}: "{days}" is not a number of days')
    return [Setting(table=str(table), project=project, days=days) for table, days in tables.items()]


def expression(table: Kept | Rollup, days: Mapping[str, int]) -> str:
    """The TTL of a table, spelled as the engine spells it; `days` by project, '' for all others."""
    own = {project: n for project, n in days.items() if project}
    others = str(days.get("", table.days))
    if own:
        others = f"transform(toString(project), {literals(own)}, [{', '.join(map(str, own.values()))}], {others})"
    return f"{table.age_from} + toIntervalDay({others})"


def _settings(client: Client) -> dict[str, dict[str, int]]:
    """Days by table and project, without what was taken back."""
    rows = client.query(
        "SELECT table_name, project, argMax(days, changed_at) AS newest FROM retention"
        " GROUP BY table_name, project HAVING newest > 0 ORDER BY table_name, project"
    ).result_rows
    found: dict[str, dict[str, int]] = {}
    for table, project, days in rows:
        found.setdefault(table, {})[project] = days
    return found


def _create_query(client: Client, table: str) -> str:
    """The table's definition in the engine's own spelling; '' when there is no such table."""
    sql = "SELECT create_table_query FROM system.tables WHERE database = {database:String} AND name = {table:String}"
    rows = client.query(sql, parameters={"database": database_of(client), "table": table}).result_rows
    return str(rows[0][0]) if rows else ""


def _ttl_clauses(create_query: str) -> list[str]:
    found = _TTL.search(create_query)
    return split_outside_brackets(found[1]) if found else []
