"""Deletions as they are ordered and logged: the table `deletions`, one row a step."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmtrace_collector.upkeep.rollups import Hour
from llmtrace_collector.upkeep.selection import Selection, digest

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """A deletion as it is logged."""

    selection: Selection
    who: str
    keep_value: bool = False
    """The log shows the value itself, beside its hash."""
    hours: frozenset[Hour] = frozenset()
    """Those known to be touched."""


def order(
    *,
    kind: str,
    value: str = "",
    project: str,
    start: datetime | None = None,
    end: datetime | None = None,
    who: str,
    keep_value: bool = False,
    now: datetime | None = None,
) -> Deletion:
    """A new deletion, not yet begun."""
    salt = secrets.token_hex(16)
    selection = Selection(
        deletion_id=secrets.token_hex(8),
        project=project,
        kind=kind,
        salt=salt,
        hash=digest(salt, value) if value else "",
        value=value,
        start=start,
        end=end,
        requested_at=now or datetime.now(UTC),
    )
    return Deletion(selection=selection, who=who, keep_value=keep_value)


def note(
    client: Client,
    deletion: Deletion,
    step: str,
    *,
    rows: Mapping[str, int] | None = None,
    collector: str = "",
    purged: bool = False,
) -> None:
    """Writes one step into the log of deletions."""
    selection = deletion.selection
    row = {
        "at": datetime.now(UTC),
        "deletion_id": selection.deletion_id,
        "step": step,
        "collector": collector,
        "who": deletion.who,
        "requested_at": selection.requested_at,
        "project": selection.project,
        "kind": selection.kind,
        "salt": selection.salt,
        "hash": selection.hash,
        "value": selection.value if deletion.keep_value else "",
        "start_at": selection.start,
        "end_at": selection.end,
        "hours": [(project, hour) for project, hour in sorted(deletion.hours)],
        "rows": dict(rows or {}),
        "purged": purged,
    }
    client.insert("deletions", [list(row.values())], column_names=list(row))


@dataclass(frozen=True, kw_only=True)
class Logged:
    """What the log says of one deletion."""

    deletion: Deletion
    done: bool
    settled: frozenset[str]
    """The collectors whose logs have nothing older than it."""
    rows: Mapping[str, int]
    """Deleted, by table."""


def logged(client: Client) -> list[Logged]:
    """Every deletion there was, oldest first."""
    sql = (
        "SELECT deletion_id, any(who) AS by, any(requested_at) AS requested, any(project) AS of, any(kind) AS k,"
        " any(salt) AS s, any(hash) AS h, max(value) AS v, any(start_at) AS a, any(end_at) AS b,"
        " arrayDistinct(groupArrayArray(hours)) AS touched, countIf(step = 'done') > 0 AS done,"
        " groupUniqArrayIf(collector, step = 'settled') AS settled, sumMap(rows) AS gone"
        " FROM deletions GROUP BY deletion_id ORDER BY requested"
    )
    return [_logged(row) for row in client.query(sql).named_results()]


def _logged(row: Mapping[str, Any]) -> Logged:
    selection = Selection(
        deletion_id=row["deletion_id"],
        project=row["of"],
        kind=row["k"],
        salt=row["s"],
        hash=row["h"],
        value=row["v"],
        start=_utc(row["a"]),
        end=_utc(row["b"]),
        requested_at=row["requested"].replace(tzinfo=UTC),
    )
    hours = frozenset((each["project"], each["hour"].replace(tzinfo=UTC)) for each in row["touched"])
    return Logged(
        deletion=Deletion(selection=selection, who=row["by"], keep_value=bool(row["v"]), hours=hours),
        done=bool(row["done"]),
        settled=frozenset(row["settled"]),
        rows=row["gone"],
    )


def _utc(when: datetime | None) -> datetime | None:
    return when.replace(tzinfo=UTC) if when else None
