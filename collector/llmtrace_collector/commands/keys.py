"""`llmtrace keys`: API keys for sending, reading and administration."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from llmtrace_collector.access import DEFAULT_PROJECT, Key, Scope
from llmtrace_collector.access.keys import scopes_of
from llmtrace_collector.access.policies import TABLES, row_policies
from llmtrace_collector.access.register import Register
from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.options import default_data
from llmtrace_collector.schema.cluster import cluster_of
from llmtrace_collector.upkeep import reach


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace keys ...`; the exit code."""
    parser = argparse.ArgumentParser(
        prog="llmtrace keys", description="Make, list and revoke API keys. A running collector knows within a second."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and show it, this once")
    create.add_argument("name", metavar="NAME", help="what you call it: who or what uses it")
    create.add_argument("--project", default=DEFAULT_PROJECT, help="whose data it is for (default: %(default)s)")
    create.add_argument(
        "--scope",
        action="append",
        metavar="SCOPE",
        help="ingest, feedback, read, operate or admin; more than once for several (default: ingest)",
    )
    listing = actions.add_parser("list", help="the keys, without what opens doors")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    revoke = actions.add_parser("revoke", help="end a key; what it sent stays")
    revoke.add_argument("id", metavar="ID", help="as `llmtrace keys list` shows it")
    policies = actions.add_parser("policies", help="SQL that confines a user of a ClickHouse server to a project")
    policies.add_argument("user", metavar="USER")
    policies.add_argument("--project", required=True, help="whose rows the user may read")
    reach.add_to(policies)
    policies.set_defaults(run=_policies)
    for each, run in ((create, _create), (listing, _list), (revoke, _revoke)):
        data_help = "the data folder (default: LLMTRACE_DATA, else the user's)"
        each.add_argument("--data", metavar="DIR", type=Path, help=data_help)
        each.set_defaults(run=run)
    given = parser.parse_args(argv)
    return guarded("keys", lambda: int(given.run(given)))


def _register(given: argparse.Namespace) -> Register:
    path = given.data or Path(os.environ.get("LLMTRACE_DATA") or default_data("llmtrace"))
    return Register(DataFolder(path))


def _create(given: argparse.Namespace) -> int:
    scopes = scopes_of(given.scope or [Scope.INGEST])
    key, text = _register(given).create(name=given.name, project=given.project, scopes=scopes, who=reach.whoever())
    say(text)
    say(f"  id {key.id}, project {key.project}, for {', '.join(sorted(key.scopes))}; it is not shown again, so keep it")
    return 0


def _list(given: argparse.Namespace) -> int:
    keys = _register(given).all()
    if given.json:
        for key in keys:
            say(json.dumps(key.shown()))
    else:
        say("\n".join(_table(keys)) if keys else "there are no keys: `llmtrace keys create NAME` makes one")
    return 0


def _revoke(given: argparse.Namespace) -> int:
    key = _register(given).revoke(given.id, who=reach.whoever())
    say(f"{key.id} ({key.name}) opens nothing any more")
    return 0


def _policies(given: argparse.Namespace) -> int:
    with reach.reach(given).session() as client:
        tables = [(database, table) for database, table in client.query(TABLES).result_rows]
        cluster = cluster_of(client)
    for statement in row_policies(given.user, given.project, tables, cluster=cluster):
        say(f"{statement};")
    return 0


def _table(keys: Sequence[Key]) -> list[str]:
    head = ("ID", "NAME", "PROJECT", "SCOPES", "ENDS IN", "CREATED", "REVOKED")
    rows = [head, *(_row(key) for key in keys)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(key: Key) -> tuple[str, ...]:
    scopes = ",".join(sorted(key.scopes))
    return (key.id, key.name, key.project, scopes, key.last4, key.created_at[:19], key.revoked_at[:19] or "-")
