"""`llmtrace data`: how long data is kept, deletion, export and import."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from llmtrace_collector.commands import data_delete, data_files
from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.upkeep import reach, retention


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace data ...`; the exit code."""
    parser = argparse.ArgumentParser(prog="llmtrace data", description="Look after what is stored.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_retention(actions.add_parser("retention", help="how long data is kept, per table and project"))
    data_delete.add_to(actions)
    data_files.add_to(actions)
    given = parser.parse_args(argv)
    return guarded("data", lambda: int(given.run(given)))


def _add_retention(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    show = verbs.add_parser("show", help="what holds")
    change = verbs.add_parser("set", help="keep the rows of TABLE for DAYS days")
    change.add_argument("table", metavar="TABLE", nargs="?")
    change.add_argument("days", metavar="DAYS", nargs="?", type=int, help="0 takes back what was set")
    change.add_argument("--project", default="", help="for this project alone")
    change.add_argument("--file", type=Path, help="take all settings from a YAML file instead")
    for each, run in ((show, _show_retention), (change, _set_retention)):
        reach.add_to(each)
        each.set_defaults(run=run)


def _show_retention(given: argparse.Namespace) -> int:
    where = reach.reach(given)
    with where.session() as client:
        for each in retention.show(where.shards(client)[0]):
            more = "".join(f", {project}: {days}" for project, days in each.projects.items())
            say(f"{each.table:<20} {each.days} days{more}{'' if each.applied else '  (not yet applied)'}")
    return 0


def _set_retention(given: argparse.Namespace) -> int:
    if given.file:
        settings = retention.load(given.file)
    elif given.table is None or given.days is None:
        raise ConfigError("say what to keep for how long: llmtrace data retention set TABLE DAYS, or --file FILE")
    else:
        settings = [retention.Setting(table=given.table, project=given.project, days=given.days)]
        retention.check(settings)
    where = reach.reach(given)
    changed: dict[str, None] = {}
    with where.session() as client:
        for shard in where.shards(client):
            retention.store(shard, settings, who=reach.whoever())
            changed |= dict.fromkeys(retention.apply(shard))
    say(
        f"changed: {', '.join(changed)}; rows that are too old go in the background" if changed else "nothing to change"
    )
    return 0
