"""What rules need to read, and the few queries that answer all of them.

    needs of 1,000 rules --------> scans: equal table, dimensions, window and step are one query
                                     |
    readings of each rule <--read----+  filtered and named as the rule groups

A rule's filter is read as one more dimension and applied here, so that rules for a hundred models are one scan. That is
exact for every figure, also for quantiles: a filter by equality is a group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from llmtrace_collector.watch.groups import group_key
from llmtrace_collector.watch.measures import CALLS, DIMENSIONS, NAMELESS, TABLES, Source

if TYPE_CHECKING:
    from llmtrace_collector.watch.engine import Engine

MOST_GROUPS = 10_000
"""The most groups one scan returns; the busiest are taken."""
MOST_SERIES = 200
"""The same for scans in steps."""

_TIMEOUT_S = 20
_EPOCH_COLUMN = "at_s"

Figure: TypeAlias = Any
"""A number (`Decimal` for money, `int`, `float`), an array for samples, or None."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What one query answers; equal scans are one."""

    source: Source
    by: tuple[str, ...]
    """Dimensions, those of filters among them, in the order of `DIMENSIONS`."""
    start: datetime
    end: datetime
    """Not in it, unless the table has steps: then the running one is."""
    step_s: int = 0
    """Figures of each so many seconds since 1970; 0: of the whole."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a rule needs of one scan."""

    source: Source
    start: datetime
    end: datetime
    figures: Mapping[str, str]
    """SQL by name; SQL of ours alone, never of a file."""
    by: tuple[str, ...] = ()
    where: Mapping[str, str] = field(default_factory=dict)
    step_s: int = 0

    @property
    def scan(self) -> Scan:
        """The query that answers it."""
        asked = {*self.by, *self.where}
        by = tuple(name for name in DIMENSIONS if name in asked)
        return Scan(source=self.source, by=by, start=self.start, end=self.end, step_s=self.step_s)


@dataclass(frozen=True, kw_only=True)
class Point:
    """The figures of one group in one step."""

    at_s: int
    """When the step begins, seconds since 1970; 0 without steps."""
    calls: int
    figures: Mapping[str, Figure]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The answer to one need."""

    points: Mapping[str, Sequence[Point]]
    """By group key, oldest first; without steps one each."""
    truncated: bool = False
    """There are more groups than are watched."""


def read(engine: Engine, scan: Scan, needs: Sequence[Need]) -> list[Reading]:
    """The readings of these needs, in their order, by one query.

    Raises:
        StoreError: there is no answer.
    """
    columns = _columns(needs)
    sql, parameters = _query(scan, needs, columns)
    rows = engine.rows(sql, parameters)
    groups = [_values(scan, row) for row in rows]
    answer = _Answer(scan=scan, rows=rows, groups=groups, columns=columns, truncated=len(set(groups)) > _most(scan))
    made: dict[Any, Reading] = {}
    for need in needs:
        same = _same(need)
        if same not in made:  # many rules ask for the very same
            made[same] = _reading(answer, need)
    return [made[_same(need)] for need in needs]


def _same(need: Need) -> tuple[Any, ...]:
    """Equal for needs of one scan that have one answer."""
    return need.by, tuple(need.where.items()), tuple(need.figures.items())


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """The rows of a scan, and what to know to read them."""

    scan: Scan
    rows: Sequence[Mapping[str, Any]]
    groups: Sequence[tuple[str, ...]]
    """Of each row."""
    columns: Mapping[str, str]
    truncated: bool


def _columns(needs: Sequence[Need]) -> dict[str, str]:
    """A column name for each SQL that is asked for, whatever the rules call it."""
    return {sql: f"f{n}" for n, sql in enumerate(dict.fromkeys(sql for need in needs for sql in need.figures.values()))}


def _most(scan: Scan) -> int:
    return MOST_SERIES if scan.step_s else MOST_GROUPS


def _query(scan: Scan, needs: Sequence[Need], columns: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    table = TABLES[scan.source]
    groups = [f"toValidUTF8(toString({table.columns[name]})) AS g{n}" for n, name in enumerate(scan.by)]
    where, parameters = _where(scan, needs)
    names = [f"g{n}" for n in range(len(scan.by))]
    step = f"toUInt32(intDiv(toUnixTimestamp({table.time}), {scan.step_s}) * {scan.step_s}) AS {_EPOCH_COLUMN}"
    selected = [*groups, *([step] if scan.step_s else []), f"{CALLS[scan.source]} AS of_calls"]
    selected += [f"{sql} AS {name}" for sql, name in columns.items()]
    keys = [*names, *([_EPOCH_COLUMN] if scan.step_s else [])]
    bound = _most(scan) + 1
    busiest = ""
    if scan.step_s and names:
        inner = f"SELECT {', '.join(groups)} FROM {scan.source} WHERE {where} GROUP BY {', '.join(names)}"  # noqa: S608
        busiest = (
            f" AND ({', '.join(_table_columns(scan))}) IN ({inner} ORDER BY {CALLS[scan.source]} DESC LIMIT {bound})"
        )
    text = [f"SELECT {', '.join(selected)}", f"FROM {scan.source}", f"WHERE {where}{busiest}"]
    if keys:
        text.append(f"GROUP BY {', '.join(keys)}")
    text.append(
        f"ORDER BY {_EPOCH_COLUMN}" if scan.step_s else f"ORDER BY {', '.join(['of_calls DESC', *names])} LIMIT {bound}"
    )
    return "\n".join([*text, f"SETTINGS max_execution_time = {_TIMEOUT_S}"]), parameters


def _table_columns(scan: Scan) -> list[str]:
    """The dimensions of a scan, as SQL."""
    columns = TABLES[scan.source].columns
    return [f"toValidUTF8(toString({columns[name]}))" for name in scan.by]


def _where(scan: Scan, needs: Sequence[Need]) -> tuple[str, dict[str, Any]]:
    table = TABLES[scan.source]
    if table.step_s:
        first, last = (f"toDateTime({{{name}:UInt32}}, 'UTC')" for name in ("from_s", "to_s"))
        span = f"{table.time} >= {first} AND {table.time} <= {last}"
        start = int(scan.start.timestamp()) // table.step_s * table.step_s
        parameters: dict[str, Any] = {"from_s": start, "to_s": int(scan.end.timestamp())}
        if scan.end.timestamp() % table.step_s == 0:
            parameters["to_s"] -= 1  # a window of whole steps does not begin the next
    else:
        span = (
            f"{table.time} >= fromUnixTimestamp64Milli({{from_ms:Int64}}, 'UTC')"
            f" AND {table.time} < fromUnixTimestamp64Milli({{to_ms:Int64}}, 'UTC')"
        )
        parameters = {"from_ms": int(scan.start.timestamp() * 1000), "to_ms": int(scan.end.timestamp() * 1000)}
    conditions = [table.only, span]
    for n, name in enumerate(scan.by):
        column = f"toValidUTF8(toString({table.columns[name]}))"
        wanted = {need.where.get(name) for need in needs}
        if None not in wanted:
            conditions.append(f"{column} IN {{w{n}:Array(String)}}")
            parameters[f"w{n}"] = sorted(value for value in wanted if value is not None)
        elif name in NAMELESS:
            conditions.append(f"{table.columns[name]} != ''")
    return " AND ".join(conditions), parameters


def _values(scan: Scan, row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row[f"g{n}"] for n in range(len(scan.by)))


def _reading(answer: _Answer, need: Need) -> Reading:
    scan = answer.scan
    places = {name: n for n, name in enumerate(scan.by)}
    wanted = [(places[name], value) for name, value in need.where.items()]
    own = [(name, places[name]) for name in need.by]
    names = [(name, answer.columns[sql]) for name, sql in need.figures.items()]
    points: dict[str, list[Point]] = {}
    keys: dict[tuple[str, ...], str] = {}
    for values, row in zip(answer.groups, answer.rows, strict=True):
        if any(values[place] != value for place, value in wanted):
            continue
        if not need.by and not row["of_calls"] and not scan.step_s:
            continue
        key = keys.get(values)
        if key is None:
            key = keys[values] = group_key({name: values[place] for name, place in own})
        figures = {name: _finite(row[column]) for name, column in names}
        points.setdefault(key, []).append(
            Point(at_s=row.get(_EPOCH_COLUMN, 0), calls=int(row["of_calls"]), figures=figures)
        )
    return Reading(points=points, truncated=answer.truncated)


def _finite(value: Figure) -> Figure:
    """Without NaN, which is no figure."""
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124


def number(value: Figure) -> Decimal | float:
    """A figure for arithmetic; none is 0."""
    if value is None:
        return 0.0
    return value if isinstance(value, Decimal) else float(value)
