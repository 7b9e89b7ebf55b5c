"""`llmtrace rules`: is a rule file sound, does it do what it should, and what would it have told?"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace_collector.commands.terminal import guarded, say, time_of
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.schema.migrate import migrate
from llmtrace_collector.upkeep import reach
from llmtrace_collector.watch import durations, rule_tests, rules
from llmtrace_collector.watch.backtest import Backtest, as_json
from llmtrace_collector.watch.times import iso

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_MOST_EVALUATIONS = 100_000


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace rules ...`; 0 all is well, 1 a test failed, 2 a file or option is wrong."""
    parser = argparse.ArgumentParser(prog="llmtrace rules", description="Alert rules, before they are in use.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="read a rule file and print its mistakes")
    test = actions.add_parser("test", help="run tests of rules on described calls")
    backtest = actions.add_parser("backtest", help="what rules would have told over what is stored, as JSON lines")
    for each, what, run in (
        (check, "rule file", _check),
        (test, "file of tests", _test),
        (backtest, "rule file", _backtest),
    ):
        each.add_argument("file", metavar="FILE", type=Path, help=f"the {what}")
        each.set_defaults(run=run)
    backtest.add_argument("--from", dest="start", required=True, metavar="TIME", help="the first evaluation")
    backtest.add_argument("--to", dest="end", required=True, metavar="TIME", help="the last")
    backtest.add_argument("--every", default="1m", metavar="DURATION", help="between two (default: %(default)s)")
    reach.add_to(backtest)
    given = parser.parse_args(argv)
    return guarded("rules", lambda: int(given.run(given)))


def _check(given: argparse.Namespace) -> int:
    found = rules.read(given.file)
    say(f"{given.file}: {len(found.rules)} rules, {len(found.channels)} channels, no mistake")
    return 0


def _test(given: argparse.Namespace) -> int:
    file = rule_tests.read(given.file)
    failed = 0
    with _store() as client:
        for test, differences in rule_tests.run(client, file):
            failed += bool(differences)
            say(f"{'FAILED' if differences else 'passed'}  {test.name}")
            for difference in differences:
                say(f"        {difference}")
    say(f"{len(file.tests)} tests, {failed} failed")
    return 1 if failed else 0


@contextmanager
def _store() -> Iterator[Client]:
    """An embedded store that is gone afterwards."""
    import clickhouse_connect

    with tempfile.TemporaryDirectory(prefix="llmtrace-rules-") as folder:
        client = clickhouse_connect.get_client(interface="chdb", path=folder)
        try:
            migrate(client)
            yield client
        finally:
            client.close()


def _backtest(given: argparse.Namespace) -> int:
    found = rules.read(given.file)
    start, end = time_of(given.start, "--from"), time_of(given.end, "--to")
    try:
        every = durations.parse(given.every)
    except ValueError as error:
        raise ConfigError(f"--every: {error}") from None
    if start > end:
        raise ConfigError(f"--to {iso(end)} is before --from {iso(start)}")
    if every <= timedelta(0) or (end - start) / every > _MOST_EVALUATIONS:
        raise ConfigError(
            f"--every {given.every} makes more than {_MOST_EVALUATIONS:,} evaluations; write a longer one"
        )
    with reach.reach(given).session() as client:
        for _, moved, _ in Backtest(found.rules, lambda: client).walk(start, end, every):
            for transition in moved:
                say(json.dumps(as_json(transition), ensure_ascii=False))
    return 0
