"""`llmtrace data delete`, `resume` and `deletions`."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from llmtrace_collector.commands.terminal import say, time_of
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.gate import Gate
from llmtrace_collector.upkeep import deletion, letters, orders, reach, waiting
from llmtrace_collector.upkeep.reach import Reach
from llmtrace_collector.upkeep.selection import EVERY_PROJECT

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client


def add_to(actions: Any) -> None:
    """Adds the actions to those of `llmtrace data`."""
    _add_delete(actions.add_parser("delete", help="delete what is of a user, session, trace or time range"))
    resume = actions.add_parser("resume", help="finish a deletion that was cut short")
    resume.add_argument("deletion", metavar="ID")
    listing = actions.add_parser("deletions", help="what was deleted, and by whom")
    listing.add_argument("--user", metavar="ID", help="only deletions of this user")
    for each, run in ((resume, _resume), (listing, _list_deletions)):
        reach.add_to(each)
        each.set_defaults(run=run)


def _add_delete(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--user", metavar="ID", help="everything of this user")
    kinds.add_argument("--session", metavar="ID", help="everything of this session")
    kinds.add_argument("--trace", metavar="ID", help="this trace, 32 hexadecimal digits")
    parser.add_argument(
        "--from", dest="start", metavar="TIME", help="from this time on, such as 2026-11-24T08:00 (UTC)"
    )
    parser.add_argument("--to", dest="end", metavar="TIME", help="before this time")
    parser.add_argument("--project", default="default", help="of this project (default: %(default)s)")
    parser.add_argument("--all-projects", action="store_true", help="of every project")
    parser.add_argument("--dry-run", action="store_true", help="count, and delete nothing")
    parser.add_argument("--purge", action="store_true", help="rewrite the files on disk before the command ends")
    parser.add_argument("--keep-value", action="store_true", help="keep the id itself in the log, not its hash alone")
    parser.add_argument("--who", default="", help="who asked for it, for the log (default: the user of this machine)")
    parser.add_argument("--wait", type=float, default=30.0, metavar="S", help="for older spans to be stored")
    reach.add_to(parser)
    parser.set_defaults(run=_delete)


def _delete(given: argparse.Namespace) -> int:
    order = _order(given)
    where = reach.reach(given)
    with where.session() as client:
        if given.dry_run:
            return _count(where.shards(client), order)
        stored = where.folder is None or waiting.wait_until_stored(
            where.folder.wal, order.selection.requested_at, given.wait
        )
        return _carry_out(where.shards(client), where, order, purge=given.purge, stored=stored)


def _carry_out(clients: list[Client], where: Reach, order: orders.Deletion, *, purge: bool, stored: bool) -> int:
    began = time.monotonic()
    gate = Gate(where.folder.path) if where.folder else None
    clean = partial(letters.remove, where.folder.wal) if where.folder else deletion.no_letters
    gone = deletion.carry_out_everywhere(clients, order, gate=gate, letters=clean)
    for client in clients if purge else ():
        deletion.purge(client)
        orders.note(client, order, "done", purged=True)
    _tell(gone, "deleted")
    say(f"deletion {order.selection.deletion_id} took {time.monotonic() - began:.1f} s; counted again: 0 rows are left")
    if not purge:
        say("the bytes go from the disk as parts are merged; --purge rewrites them at once")
    if not stored:
        say("older spans still wait in the log: the collector deletes them, too, once they are stored")
    return 0


def _count(clients: list[Client], order: orders.Deletion) -> int:
    here = [(client, deletion.within(order, client).selection) for client in clients]
    rows: Counter[str] = Counter()
    try:
        for client, selection in here:
            deletion.find_traces(client, selection)
        for client, selection in here:
            for table, number in deletion.count(client, selection).items():
                rows[table] += number
    finally:
        for client, selection in here:
            deletion.forget_traces(client, selection)
    _tell(rows, "would be deleted")
    return 0


def _tell(rows: Mapping[str, int], what: str) -> None:
    for table, number in rows.items():
        say(f"{table:<20} {number:>12,} {what}")


def _order(given: argparse.Namespace) -> orders.Deletion:
    """What the options ask for.

    Raises:
        ConfigError: they ask for nothing, or for what cannot be.
    """
    kind = next((k for k in ("user", "session", "trace") if getattr(given, k) is not None), "time")
    start = time_of(given.start, "--from") if given.start else None
    end = time_of(given.end, "--to") if given.end else None
    value = "" if kind == "time" else getattr(given, kind).strip()
    if kind == "time" and not (start and end):
        raise ConfigError("say what to delete: --user, --session or --trace with an id, or --from and --to")
    if kind != "time" and not value:
        raise ConfigError(f"--{kind}: the id is empty; rows without one are deleted by --from and --to alone")
    if start and end and start >= end:
        raise ConfigError(f"--from {given.start} is not before --to {given.end}")
    if kind == "trace" and (len(value) != 32 or set(value.lower()) - set("0123456789abcdef")):
        raise ConfigError(f'--trace: "{value}" is not a trace id; write its 32 hexadecimal digits')
    return orders.order(
        kind=kind,
        value=value.lower() if kind == "trace" else value,
        project=EVERY_PROJECT if given.all_projects else given.project,
        start=start,
        end=end,
        who=given.who or reach.whoever(),
        keep_value=given.keep_value,
    )


def _resume(given: argparse.Namespace) -> int:
    where = reach.reach(given)
    with where.session() as client:
        found = [each for each in orders.logged(client) if each.deletion.selection.deletion_id == given.deletion]
        if not found:
            raise ConfigError(f'no deletion is called "{given.deletion}": llmtrace data deletions lists them')
        return _carry_out(where.shards(client), where, found[0].deletion, purge=False, stored=True)


def _list_deletions(given: argparse.Namespace) -> int:
    with reach.reach(given).session() as client:
        for each in orders.logged(client):
            one = each.deletion.selection
            if given.user is None or (one.kind == "user" and replace(one, value="").means(given.user)):
                state = "done" if each.done else "not finished"
                what = one.kind + (f" {one.value or one.hash[:16]}" if one.hash else f" {one.start} to {one.end}")
                rows = sum(each.rows.values())
                said = f"{one.requested_at:%Y-%m-%d %H:%M:%S} {one.deletion_id} {state} {what} in {one.project}"
                say(f"{said}: {rows:,} rows, by {each.deletion.who}; settled by {len(each.settled)} collectors")
    return 0
