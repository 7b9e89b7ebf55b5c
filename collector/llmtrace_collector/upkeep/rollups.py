"""Rollups made again for some hours: the view's own SELECT over the spans that are left, swapped in at once.

    view's SELECT over the touched hours ──┐
    rollup's rows of all other hours    ───┴─> NAME_again ──> ALTER TABLE NAME REPLACE PARTITION ... FROM NAME_again

There is no second copy of what a rollup sums: the view's text is taken from the engine and confined to the touched
hours by `additional_table_filters`; so is that of NAME_later, which adds costs that were found out later (0007). A
partition is replaced in one step, so no reader ever sees an hour without its rows, and nothing that was removed is left
on disk under a mask. The tokens of past inserts are remembered through it (tried: REPLACE PARTITION keeps them, DROP
PARTITION forgets them). Nothing may be inserted meanwhile: close the gate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from llmtrace_collector.database import database_of
from llmtrace_collector.errors import StoreDownError, StoreRefusedError
from llmtrace_collector.pricing.batches import finish
from llmtrace_collector.schema.backfill import VERSION
from llmtrace_collector.upkeep.tables import Rollup
from llmtrace_collector.upkeep.text import literal

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

Hour = tuple[str, datetime]
"""A project and the beginning of an hour, UTC."""

_LONG = {"max_query_size": 16 * 1024**2, "max_ast_elements": 2_000_000, "max_expanded_ast_elements": 2_000_000}
"""A list of hours may be long."""


def exists(client: Client, rollup: Rollup) -> bool:
    """The schema has this rollup (one that is not there yet has nothing to make again)."""
    return bool(client.command(f"EXISTS TABLE {rollup.view}"))


def must_be_filled(client: Client) -> None:
    """Says so when spans from before the rollups are still being added to them (schema/backfill.py).

    Raises:
        StoreDownError: they are; try again when they are not.
    """
    if client.command(f"SELECT max(rollups < {VERSION}) FROM spans"):
        raise StoreDownError(
            "the rollups are still being filled from older spans: try again when the collector has finished that"
        )


def make_again(client: Client, rollup: Rollup, hours: Iterable[Hour], *, drop: str = "") -> None:
    """Makes the rollup's rows of these hours again; `drop` is SQL for rows that go although their hour stays."""
    touched = sorted(set(hours))
    again = f"{rollup.name}_again"
    gone = " OR ".join(f"({part})" for part in (_in_hours(touched, rollup, rollup.time), drop) if part)
    if not gone:
        return
    # What was left half-way is in cost_adjustments, and so in the sums below: its own must not come after them.
    finish(client, grace_s=0)
    client.command(f"DROP TABLE IF EXISTS {again} SYNC")
    client.command(f"CREATE TABLE {again} AS {rollup.name}{_alone(client, rollup)}")
    try:
        if touched:
            _sum_up(client, rollup, again, touched)
        partitions = _column(client, f"SELECT DISTINCT _partition_id FROM {rollup.name} WHERE {gone}")
        for partition in sorted({*partitions, *_column(client, f"SELECT DISTINCT _partition_id FROM {again}")}):
            _swap(client, rollup, again, partition, gone)
    finally:
        client.command(f"DROP TABLE IF EXISTS {again} SYNC")


def _alone(client: Client, rollup: Rollup) -> str:
    """What makes a table like a replicated one of this node alone: it is there for seconds, and has no second copy."""
    sql = f"SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = {literal(rollup.name)}"
    engine = str(_column(client, sql)[0])
    return f" ENGINE = {engine.removeprefix('Replicated')}" if engine.startswith("Replicated") else ""


def _swap(client: Client, rollup: Rollup, again: str, partition: str, gone: str) -> None:
    where = f"_partition_id = {literal(partition)}"
    client.command(f"INSERT INTO {again} SELECT * FROM {rollup.name} WHERE {where} AND NOT ({gone})", settings=_LONG)
    if _column(client, f"SELECT 1 FROM {again} WHERE {where} LIMIT 1"):
        client.command(f"ALTER TABLE {rollup.name} REPLACE PARTITION ID {literal(partition)} FROM {again}")
    else:
        client.command(f"DELETE FROM {rollup.name} WHERE {gone}", settings={**_LONG, "lightweight_deletes_sync": 2})


def _sum_up(client: Client, rollup: Rollup, again: str, hours: Sequence[Hour]) -> None:
    select = _select(client, rollup.view)
    if rollup.bound:
        # The view bounds the names in one insert, a second's worth; here one insert is a week's.
        if rollup.bound[0] not in select:
            raise StoreRefusedError(
                f'the view {rollup.view} does not say "{rollup.bound[0]}": upkeep/tables.py is older'
            )
        select = select.replace(*rollup.bound)
    # Costs found out later go to the names that are in the new rows.
    database = database_of(client)
    later = _select(client, f"{rollup.name}_later").replace(f"{database}.{rollup.name})", f"{database}.{again})")
    filters = literal(_in_hours(hours, rollup, "timestamp"))
    for query, source in ((select, "spans"), (later, "cost_adjustments")):
        columns = ", ".join(_column(client, f"DESCRIBE ({query})"))
        client.command(
            f"INSERT INTO {again} ({columns}) SELECT {columns} FROM ({query})"
            f" SETTINGS additional_table_filters = {{'{database}.{source}': {filters}}}, insert_deduplicate = 0",
            settings=_LONG,
        )


def _select(client: Client, view: str) -> str:
    of_view = f"database = {literal(database_of(client))} AND name = {literal(view)}"
    sql = f"SELECT as_select FROM system.tables WHERE {of_view}"
    return str(_column(client, sql)[0])


def _in_hours(hours: Sequence[Hour], rollup: Rollup, time: str) -> str:
    """SQL: the row is of one of these hours; with a range beside the list, for the index."""
    by_project: dict[str, list[int]] = {}
    for project, hour in hours:
        by_project.setdefault(project, []).append(int(hour.replace(tzinfo=UTC).timestamp()))
    parts = []
    for project, stamps in by_project.items():
        numbers = sorted({stamp // rollup.bucket_s for stamp in stamps})
        parts.append(
            f"project = {literal(project)} AND {time} >= toDateTime({numbers[0] * rollup.bucket_s}, 'UTC')"
            f" AND {time} < toDateTime({(numbers[-1] + 1) * rollup.bucket_s}, 'UTC')"
            f" AND intDiv(toUnixTimestamp(toDateTime({time}, 'UTC')), {rollup.bucket_s})"
            f" IN ({', '.join(map(str, numbers))})"
        )
    return " OR ".join(f"({part})" for part in parts)


def _column(client: Client, sql: str) -> list[Any]:
    return [row[0] for row in client.query(sql, settings=_LONG).result_rows]
