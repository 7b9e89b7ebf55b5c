"""Spend per group, read from spend_1m: rules that share window and grouping share one scan.

First the groups above the lowest limit of the sharing rules, dearest first and bounded; then, rarely, the figures of
groups whose alert is live and which were not among them. So a quiet evaluation returns no row at all, whatever the
number of users.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llmtrace_collector.watch import windows
from llmtrace_collector.watch.conditions import Spend
from llmtrace_collector.watch.groups import group_key, group_of
from llmtrace_collector.watch.measures import TABLES, Source
from llmtrace_collector.watch.scans import MOST_GROUPS
from llmtrace_collector.watch.sql import statements

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from llmtrace_collector.watch.engine import Engine
    from llmtrace_collector.watch.rule import Rule

GROUP_KEYS = tuple(TABLES[Source.SPEND_1M].columns)
"""What spend over a rolling window may be grouped by, in the order in which groups are shown."""

NOTHING = Decimal(0)

_DIGESTS_A_QUERY = 500
"""Keeps the query's URL, where parameters stand, below 16 KB."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What one query answers; equal scans are one."""

    window: timedelta
    group_by: tuple[str, ...]
    delay: timedelta


@dataclass(frozen=True, kw_only=True)
class Spent:
    """The answer of a scan."""

    dollars: Mapping[str, Decimal]
    """By group key. A group that is not here spent no more than the floor, and has no live alert or spent nothing."""
    truncated: bool
    """There are more groups above the floor than MOST_GROUPS; the dearest are here."""


def plan(rules: Iterable[Rule]) -> dict[Scan, list[Rule]]:
    """The scans that answer `rules`, each with the rules that share it."""
    scans: dict[Scan, list[Rule]] = {}
    for rule in rules:
        if isinstance(rule.condition, Spend):
            scan = Scan(window=rule.condition.window, group_by=rule.group_by, delay=rule.delay)
            scans.setdefault(scan, []).append(rule)
    return scans


def read(engine: Engine, scan: Scan, *, floor: Decimal, live: Collection[str], now: datetime) -> Spent:
    """The spend of the groups above `floor` and of those whose key is in `live`.

    Raises:
        StoreError: there is no answer.
    """
    sql = statements("spend.sql")
    bounds = _bounds(scan, now)
    rows = engine.rows(sql["over"], bounds | {"floor": format(floor, "f"), "bound": MOST_GROUPS + 1})
    dollars = dict(_figures(scan, rows[:MOST_GROUPS]))
    missing = sorted(set(live) - dollars.keys())
    for first in range(0, len(missing), _DIGESTS_A_QUERY):
        digests = [digest(key) for key in missing[first : first + _DIGESTS_A_QUERY]]
        dollars.update(_figures(scan, engine.rows(sql["of_groups"], bounds | {"digests": digests})))
    return Spent(dollars=dollars, truncated=len(rows) > MOST_GROUPS)


def _bounds(scan: Scan, now: datetime) -> dict[str, Any]:
    grouped = {f"by_{key}": key in scan.group_by for key in GROUP_KEYS}
    return grouped | {"from_s": int(windows.start(now, scan.window).timestamp()), "to_s": int(now.timestamp())}


def _figures(scan: Scan, rows: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, Decimal]]:
    for row in rows:
        yield group_key({key: row[f"{key}_value"] for key in scan.group_by}), row["spent"]


def digest(key: str) -> str:
    """The name of a group in the query `of_groups`: 64 bits of SHA-256 over its values."""
    group = group_of(key)
    values = "\n".join(group.get(name, "") for name in GROUP_KEYS)
    return hashlib.sha256(values.encode("utf-8", "surrogatepass")).hexdigest()[:16]
