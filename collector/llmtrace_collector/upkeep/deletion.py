"""Deletion: complete, provable, logged, and final for what still waits in a log.

    find      which traces the user was seen in, which hours are touched        ──> deletions: requested
    delete    rows of every table in `tables.KEPT`, spans last (a mask: no query sees them from here on)
    rebuild   rollups of the touched hours, week by week, with the gate closed
    letters   records in the dead letters
    prove     every table is counted again: 0                                   ──> deletions: done
    purge     (asked for) parts with masked rows are rewritten, old ones are gone from the disk

What was received before the request and is stored later (it waited in a log, or lay with the dead letters) belongs to
the deletion: the same steps run again by hash, in the collector's custodian, once its log has nothing older than the
request (late, settled). What is received after the request is new data. Every step may be repeated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from llmtrace_collector.database import database_of
from llmtrace_collector.errors import CollectorError
from llmtrace_collector.gate import Gate
from llmtrace_collector.upkeep import retention, rollups
from llmtrace_collector.upkeep.orders import Deletion, note
from llmtrace_collector.upkeep.rollups import Hour
from llmtrace_collector.upkeep.selection import EVERY_PROJECT, Selection, moment
from llmtrace_collector.upkeep.tables import KEPT, ROLLUPS, SPANS, Kept, Rollup
from llmtrace_collector.upkeep.text import literal

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_ROUNDS = 5
"""Of deleting and counting again, while older data is still coming out of a log."""

Letters = Callable[[Selection, frozenset[str]], int]
"""Removes a selection's records from the dead letters, given the traces that belong to it; how many went."""


class NotGoneError(CollectorError):
    """Rows that should be gone are still found."""


def no_letters(_: Selection, __: frozenset[str]) -> int:
    """Where there is no log on this machine."""
    return 0


def count(client: Client, selection: Selection) -> dict[str, int]:
    """How many rows each table has of it now; tables that never have any are left out."""
    found = {}
    for table in _tables(client):
        condition = selection.condition(table)
        if condition is not None:
            found[table.name] = int(_rows(client, f"SELECT count() FROM {table.name} WHERE {condition}")[0][0])
    return found


def find_traces(client: Client, selection: Selection) -> None:
    """Notes the traces in which a user or session is seen."""
    if selection.kind not in {"user", "session"}:
        return
    noted = f"SELECT project, trace_id FROM deletion_traces WHERE deletion_id = {literal(selection.deletion_id)}"
    client.command(
        "INSERT INTO deletion_traces (deletion_id, project, trace_id)"
        f" SELECT DISTINCT {literal(selection.deletion_id)}, project, trace_id FROM spans"
        f" WHERE {selection.seen()} AND (project, trace_id) NOT IN ({noted})",
        settings=_LONG,
    )


def forget_traces(client: Client, selection: Selection) -> None:
    """Takes back `find_traces`, after a count that deletes nothing."""
    client.command(f"DELETE FROM deletion_traces WHERE deletion_id = {literal(selection.deletion_id)}", settings=_SYNC)


def within(deletion: Deletion, client: Client) -> Deletion:
    """The same deletion as the client's node is told it."""
    return replace(deletion, selection=replace(deletion.selection, database=database_of(client)))


def carry_out_everywhere(
    clients: Sequence[Client], deletion: Deletion, *, gate: Gate | None, letters: Letters = no_letters
) -> dict[str, int]:
    """Does it on every shard; rows deleted, by table.

    Rows that name an answer and no trace may lie on another shard than its span: on all shards they go before any span.

    Raises:
        NotGoneError: rows are still found after several rounds.
        StoreDownError: the rollups are still being filled from older spans.
    """
    everywhere = [(client, within(deletion, client)) for client in clients]
    before: list[dict[str, int]] = [{} for _ in clients]
    if len(clients) > 1:
        for client, here in everywhere:
            find_traces(client, here.selection)
        before = [_delete_about_answers(client, here.selection) for client, here in everywhere]
    gone: Counter[str] = Counter()
    for (client, here), rows in zip(everywhere, before, strict=True):
        gone.update(carry_out(client, here, gate=gate, letters=letters, before=rows))
    return dict(gone)


def _delete_about_answers(client: Client, selection: Selection) -> dict[str, int]:
    names = {table.name for table in KEPT if table.response}
    left = {name: rows for name, rows in count(client, selection).items() if rows and name in names}
    _delete(client, selection, left)
    return left


def carry_out(
    client: Client,
    deletion: Deletion,
    *,
    gate: Gate | None,
    letters: Letters = no_letters,
    collector: str = "",
    before: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Does it, or the rest of it; rows deleted, by table. `collector`: it is for what came late out of its log.

    `before` are the rows of it that were deleted already.

    Raises:
        NotGoneError: rows are still found after several rounds.
        StoreDownError: the rollups are still being filled from older spans.
    """
    selection = deletion.selection
    rollups.must_be_filled(client)
    find_traces(client, selection)
    hours = deletion.hours | _touched(client, selection)
    if not collector:
        note(client, replace(deletion, hours=hours), "requested")
    gone: dict[str, int] = {}
    for _ in range(_ROUNDS):
        left = {name: rows for name, rows in count(client, selection).items() if rows}
        if gone and not left:
            break
        hours |= _touched(client, selection)
        _delete(client, selection, left)
        for name, rows in left.items():
            gone[name] = gone.get(name, 0) + rows
        _rebuild(client, selection, hours, gate)
        if not left:
            break
        find_traces(client, selection)
    else:
        raise NotGoneError(
            f"rows of the deletion {selection.deletion_id} are found again and again in {', '.join(left)}: stop what"
            f" inserts them, then run llmtrace data resume {selection.deletion_id}"
        )
    for name, rows in (before or {}).items():
        gone[name] = gone.get(name, 0) + rows
    if removed := letters(selection, _traces(client, selection)):
        gone["dead letters"] = removed
    if gone or not collector:
        note(client, replace(deletion, hours=hours), "late" if collector else "done", rows=gone, collector=collector)
    return gone


def purge(client: Client) -> None:
    """Rewrites every part that has masked rows and waits until it is done: the bytes are gone from the tables."""
    for name in [table.name for table in _tables(client)] + [rollup.name for rollup in ROLLUPS]:
        if _masked(client, name):
            client.command(f"ALTER TABLE {name} APPLY DELETED MASK", settings={"mutations_sync": 2})
        if left := _masked(client, name):
            raise NotGoneError(f"{left} parts of {name} still hold masked rows: run the purge again")


_LONG = {"max_query_size": 16 * 1024**2}
_SYNC = {**_LONG, "lightweight_deletes_sync": 2, "allow_nondeterministic_mutations": 1}


def _delete(client: Client, selection: Selection, names: Iterable[str]) -> None:
    for table in _tables(client):
        if table.name in names:
            condition = selection.condition(table)
            client.command(f"DELETE FROM {table.name} WHERE {condition}", settings=_SYNC)


def _touched(client: Client, selection: Selection) -> frozenset[Hour]:
    sql = (
        "SELECT DISTINCT toString(project), toStartOfHour(toDateTime(timestamp, 'UTC')) FROM spans"
        f" WHERE {selection.condition(SPANS)}"
    )
    return frozenset((project, hour.replace(tzinfo=UTC)) for project, hour in _rows(client, sql))


def _rebuild(client: Client, selection: Selection, hours: frozenset[Hour], gate: Gate | None) -> None:
    whole = _not_expired(client, hours)
    for rollup in (r for r in ROLLUPS if rollups.exists(client, r)):
        for week in [list(week) for _, week in groupby(sorted(whole, key=_week), key=_week)]:
            with _closed(gate):
                rollups.make_again(client, rollup, week)
        if drop := _named(selection, rollup):
            with _closed(gate):
                # Hours with newer data of the same kind are made again from it, or they would lose it.
                newer = _touched(client, selection.at_any_time())
                rollups.make_again(client, rollup, newer, drop=drop)


def _closed(gate: Gate | None) -> AbstractContextManager[None]:
    return gate.closed() if gate else nullcontext()


def _named(selection: Selection, rollup: Rollup) -> str:
    """SQL for rows of a rollup that go although their spans have expired: they name the user, or lie in the range."""
    where = [] if selection.project == EVERY_PROJECT else [f"project = {literal(selection.project)}"]
    if selection.start:
        where.append(f"{rollup.time} >= {moment(selection.start)}")
    if selection.end:
        where.append(f"{rollup.time} < {moment(selection.end - timedelta(seconds=rollup.bucket_s))}")
    if selection.kind == "user" and rollup.user:
        where.append(f"({selection.equal(rollup.user)})")
    elif selection.kind != "time" or not (selection.start and selection.end):
        return ""
    return " AND ".join(where)


def _not_expired(client: Client, hours: frozenset[Hour]) -> list[Hour]:
    """Those whose spans are all still there: what is about to expire cannot be summed up again."""
    kept = next(each for each in retention.show(client) if each.table == "spans")
    now = datetime.now(UTC)
    return [
        (project, hour)
        for project, hour in hours
        if hour > now - timedelta(days=kept.projects.get(project, kept.days)) + timedelta(hours=1)
    ]


def _week(hour: Hour) -> tuple[int, int]:
    return hour[1].isocalendar()[:2]


def _tables(client: Client) -> Sequence[Kept]:
    """The tables of the catalogue that have any rows."""
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase() AND total_rows > 0"
    names = {row[0] for row in _rows(client, sql)}
    return [table for table in KEPT if table.name in names]


def _traces(client: Client, selection: Selection) -> frozenset[str]:
    sql = f"SELECT trace_id FROM deletion_traces WHERE deletion_id = {literal(selection.deletion_id)}"
    return frozenset(row[0] for row in _rows(client, sql))


def _masked(client: Client, table: str) -> int:
    sql = (
        "SELECT count() FROM system.parts WHERE database = currentDatabase() AND active AND has_lightweight_delete"
        f" AND table = {literal(table)}"
    )
    return int(_rows(client, sql)[0][0])


def _rows(client: Client, sql: str) -> Sequence[Sequence[Any]]:
    return client.query(sql, settings=_LONG).result_rows
