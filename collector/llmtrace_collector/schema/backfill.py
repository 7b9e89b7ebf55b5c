"""Rows from before the rollups, added to them day by day: each exactly once, whoever inserts meanwhile.

`spans.rollups` says of each row whether the views of 0010 have seen it::

    0010   column, 0 for every row ──> rollups and their views, which take rows of 11
    0011   from now on inserts write 11: the views see them
    here   for each day and rollup: the view's own SELECT over the rows of 0  (token: rollup and day)
           then the column is made 11 for all rows                            (nothing is left to do)

An insert that began before 0011 has written 0 and was not seen, whichever collector sent it; so one waits for such
inserts to end. A run that was cut short repeats its days under their tokens, which changes nothing.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from llmtrace_collector.database import database_of
from llmtrace_collector.upkeep.text import literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from clickhouse_connect.driver.client import Client

log = logging.getLogger(__name__)

VERSION = 11
"""What `spans.rollups` is for a row that the rollups have."""

ROLLUPS = ("span_1h", "service_1h", "traces", "dim_values")
"""Each is filled by the view of its name with `_mv`."""

_LONGEST_INSERT_S = 60.0
_ONE_BLOCK = {
    # What a token stands for must be the same blocks when it is repeated: one, in one thread.
    "max_threads": 1,
    "max_block_size": 10_000_000,
    "min_insert_block_size_rows": 10_000_000,
    "min_insert_block_size_bytes": 0,
    "max_bytes_before_external_group_by": 500_000_000,
    "deduplicate_insert_select": "enable_even_for_bad_queries",
}


def backfill(client: Client, *, given_up: Callable[[], bool] = lambda: False) -> int:
    """Adds to the rollups the spans they do not have; how many days there were. Nothing to do costs nothing."""
    if not client.command(f"SELECT max(rollups < {VERSION}) FROM spans"):
        return 0
    _wait_for_older_inserts(client)
    days = [
        row[0]
        for row in client.query(
            f"SELECT DISTINCT toString(toDate(timestamp)) AS day FROM spans WHERE rollups < {VERSION} ORDER BY day"
        ).result_rows
    ]
    log.info("spans of %d days from before the rollups are added to them", len(days))
    for day in days:
        for rollup in ROLLUPS:
            if given_up():
                return 0
            _add(client, rollup, day)
    client.command("ALTER TABLE spans MATERIALIZE COLUMN rollups SETTINGS mutations_sync = 2")
    return len(days)


def _add(client: Client, rollup: str, day: str) -> None:
    select = client.query(
        "SELECT as_select FROM system.tables WHERE database = {database:String} AND name = {view:String}",
        parameters={"database": database_of(client), "view": f"{rollup}_mv"},
    ).result_rows[0][0]
    marked = f"rollups >= {VERSION}"
    if marked not in select:
        raise RuntimeError(f"the view {rollup}_mv does not tell by spans.rollups which rows it takes")
    columns = [row[0] for row in client.query(f"DESCRIBE ({select})").result_rows]
    named = ", ".join(columns)
    ordered = ", ".join(c for c in columns if c in _KEYS)
    begin = f"toDateTime64('{day}', 9, 'UTC')"
    of_day = {f"{database_of(client)}.spans": f"timestamp >= {begin} AND timestamp < {begin} + INTERVAL 1 DAY"}
    rows_from_before = select.replace(marked, f"rollups < {VERSION}")
    client.command(
        f"INSERT INTO {rollup} ({named}) SELECT {named} FROM ({rows_from_before}) ORDER BY {ordered}"
        f" SETTINGS additional_table_filters = {_map(of_day)}",
        settings={**_ONE_BLOCK, "insert_deduplication_token": f"backfill-{VERSION}-{rollup}-{day}"},
    )


_KEYS = {"project", "hour", "day", "trace_id", "field", "value", "is_call", "operation", "model", "provider",
         "service_name", "environment", "failed"}  # fmt: skip


def _map(strings: dict[str, str]) -> str:
    """A map of texts as an SQL literal."""
    pairs = (f"{literal(key)}: {literal(value)}" for key, value in strings.items())
    return "{" + ", ".join(pairs) + "}"


def _wait_for_older_inserts(client: Client) -> None:
    """Waits until no insert runs that began before now; an insert is seconds, so the bound is far."""
    began = time.monotonic()
    while time.monotonic() - began < _LONGEST_INSERT_S:
        age_s = time.monotonic() - began
        running = client.command(
            "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND elapsed > {age:Float64}",
            parameters={"age": age_s},
        )
        if not running:
            return
        time.sleep(0.2)
