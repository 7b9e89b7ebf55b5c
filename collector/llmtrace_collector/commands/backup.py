"""`llmtrace backup`: backups of the embedded store."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.upkeep import backup, reach


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace backup ...`; the exit code."""
    parser = argparse.ArgumentParser(prog="llmtrace backup", description="Back up and restore the embedded store.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="take a backup while everything runs")
    create.add_argument("name", metavar="NAME", nargs="?", help="its folder in DIR/backups (default: the time)")
    create.add_argument("--base", metavar="NAME", default="", help="leave out what this backup has; `last`: the newest")
    listing = actions.add_parser("list", help="the backups that are there")
    check = actions.add_parser("verify", help="read every file of a backup")
    check.add_argument("name", metavar="NAME", help="of DIR/backups, or a path")
    check.add_argument("--deep", action="store_true", help="restore it to a temporary folder and count the rows, too")
    back = actions.add_parser("restore", help="make a new data folder out of a backup")
    back.add_argument("path", metavar="PATH", type=Path, help="the backup's folder")
    for each, run in ((create, _create), (listing, _list), (check, _verify), (back, _restore)):
        reach.add_to(each)
        each.set_defaults(run=run)
    given = parser.parse_args(argv)
    return guarded("backup", lambda: int(given.run(given)))


def _folder(given: argparse.Namespace) -> DataFolder:
    where = reach.reach(given)
    if not where.embedded or where.folder is None:
        raise ConfigError(
            "a ClickHouse server takes its own backups: BACKUP DATABASE llmtrace TO Disk('backups', 'NAME')"
            " (docs/how-to/back-up.md)"
        )
    return where.folder


def _create(given: argparse.Namespace) -> int:
    folder = _folder(given)
    name = given.name or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    if Path(name).name != name or name.startswith("."):
        raise ConfigError(f'"{name}" is not a name for a folder')
    base = given.base
    if base == "last":
        found = backup.taken(folder)
        base = found[-1].name if found else ""
    began = time.monotonic()
    with reach.reach(given).session() as client:
        made = backup.create(folder, client, name, base=base)
    say(f"{folder.backups / name}: {_sum_up(made)}, in {time.monotonic() - began:.1f} s")
    return 0


def _list(given: argparse.Namespace) -> int:
    for each in backup.taken(_folder(given)):
        say(f"{each.name:<20} {each.taken_at[:19]} {_sum_up(each)}")
    return 0


def _verify(given: argparse.Namespace) -> int:
    path = Path(given.name)
    if not path.is_dir():
        path = _folder(given).backups / given.name
    found = backup.verify(path)
    if given.deep:
        place = Path(tempfile.mkdtemp(prefix=".verify-", dir=path.parent))
        try:
            backup.restore(path, place / "data")
        finally:
            shutil.rmtree(place)
    say(f"{path}: all {len(found.files)} files are whole" + (", all rows come back" if given.deep else ""))
    return 0


def _restore(given: argparse.Namespace) -> int:
    if given.data is None:
        raise ConfigError("name the new data folder with --data")
    found = backup.restore(given.path, given.data)
    say(f"{given.data}: {_sum_up(found)}; start it with llmtrace up --data {given.data}")
    return 0


def _sum_up(found: backup.Backup) -> str:
    base = f", on top of {found.base}" if found.base else ""
    return f"{found.rows.get('spans', 0):,} spans, {found.waiting} files of the log, {found.size_bytes:,} bytes{base}"
