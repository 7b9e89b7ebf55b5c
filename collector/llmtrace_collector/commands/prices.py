"""`llmtrace prices`: what holds for a model, what has no price, newer prices, and pricing again.

`show` and `check FILE` need nothing but the plain install and are `llmtrace.commands.prices`; the rest needs the store.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from llmtrace.commands import prices as plain
from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.errors import ConfigError

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from llmtrace_collector.pricing.batches import Changed

_OLD_DAYS = 60
"""Providers change prices a few times a year."""

_USAGE = """usage: llmtrace prices ACTION [options]

  show MODEL     the prices that hold for a model; --at DATE for those of a day
  check FILE     whether a file of own prices is right
  check          the age of the prices, and which models in the store have none
  update FILE    let the collector price by a newer list or by own prices; --installed: by the installed list again
  reprice        price stored calls again, with --from and --to; --dry-run only says what would change

llmtrace prices ACTION --help says more."""


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace prices ...`; the exit code."""
    action, rest = (argv[0], list(argv[1:])) if argv else ("", [])
    if action in {"", "-h", "--help"}:
        print(_USAGE)
        return 0 if action else 2
    if action == "show" or (action == "check" and any(not word.startswith("-") for word in rest[:1])):
        return plain.main(argv)
    runs = {"check": _check, "update": _update, "reprice": _reprice}
    if action not in runs:
        print(
            f'llmtrace prices: there is no action "{action}"; these are: show, check, update, reprice', file=sys.stderr
        )
        return 2
    try:
        return guarded("prices", lambda: runs[action](rest))
    except ModuleNotFoundError as error:
        print(f'llmtrace prices: "{error.name}" is missing: pip install "llmtrace-otel[all]"', file=sys.stderr)
        return 2


def moment(text: str) -> datetime:
    """A whole hour, UTC: 2026-11-24 or 2026-11-24T13:00."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None:
        raise argparse.ArgumentTypeError(f'"{text}" is no date; write 2026-11-24 or 2026-11-24T13:00')
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if (at.minute, at.second, at.microsecond) != (0, 0, 0):
        raise argparse.ArgumentTypeError(f'"{text}" is no whole hour of UTC: calls are priced by the hour')
    return at


def _parser(action: str, description: str) -> argparse.ArgumentParser:
    from llmtrace_collector.upkeep import reach

    parser = argparse.ArgumentParser(prog=f"llmtrace prices {action}", description=description)
    reach.add_to(parser)
    return parser


def _check(argv: Sequence[str]) -> int:
    from llmtrace_collector.pricing import book
    from llmtrace_collector.upkeep import reach

    parser = _parser("check", "Say how old the prices are, and which calls in the store have no cost.")
    parser.add_argument("--days", type=int, default=7, help="how far to look back (default: %(default)s)")
    given = parser.parse_args(argv)
    where = reach.reach(given)
    with where.session() as client:
        prices = book.load(where.folder.path if where.folder else None)
        age = (datetime.now(UTC) - prices.as_of).days
        say(f"prices: {prices.name}, on this machine for {age} days")
        if age > _OLD_DAYS:
            say("  that is old: pip install -U genai-prices, or llmtrace prices update FILE")
        missing = list(_unpriced(client, given.days))
    for line in missing:
        say(line)
    say(f"calls without a cost in {given.days} days: {'none' if not missing else 'as above'}")
    return 1 if missing else 0


def _unpriced(client: Client, days: int) -> Iterator[str]:
    sql = (files("llmtrace_collector.pricing") / "sql" / "unpriced.sql").read_text(encoding="utf-8")
    since = datetime.now(UTC) - timedelta(days=days)
    for provider, model, calls, given, made, why in client.query(sql, parameters={"since": since}).result_rows:
        yield f"  {provider} {model or '(no model)'}: {calls:,} calls, {given:,} + {made:,} tokens ({why})"


def _update(argv: Sequence[str]) -> int:
    from llmtrace_collector.pricing import book
    from llmtrace_collector.upkeep import reach

    parser = _parser("update", "Give the collector newer prices. Nothing is fetched.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("file", nargs="?", type=Path, help="data.json of genai-prices, or own prices (.toml, .json)")
    source.add_argument(
        "--installed", action="store_true", help="price by the installed list again, without own prices"
    )
    given = parser.parse_args(argv)
    folder = reach.reach(given).folder
    if folder is None:
        raise ConfigError("name the data folder of the collector with --data: that is where its prices lie")
    if given.installed:
        book.forget(folder.path)
    else:
        say(f"{given.file}: {book.keep(folder.path, given.file)}")
    say(f"the collector prices by {book.load(folder.path).name} within a minute; calls that have a cost keep it until")
    say("  llmtrace prices reprice --from DATE --to DATE")
    return 0


def _reprice(argv: Sequence[str]) -> int:
    from llmtrace_collector.gate import Gate
    from llmtrace_collector.pricing import book
    from llmtrace_collector.pricing.batches import Batches, Change, finish
    from llmtrace_collector.upkeep import reach

    parser = _parser("reprice", "Price stored calls by the prices of their day, and keep what they cost before.")
    parser.add_argument("--from", dest="start", type=moment, required=True, help="2026-11-24 or 2026-11-24T13:00, UTC")
    parser.add_argument("--to", dest="end", type=moment, required=True, help="not included")
    parser.add_argument("--model", default="", help="this model alone, as asked for or as answered")
    parser.add_argument("--prices", type=Path, help="a file of own prices, instead of those of the collector")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")
    given = parser.parse_args(argv)
    where = reach.reach(given)
    change = Change(reason="again", who=reach.whoever(), model=given.model)
    gate = Gate(where.folder.path) if where.folder else None
    busy = 0
    by_day: dict[str, Changed] = {}
    with where.session() as client:
        prices = book.load(where.folder.path if where.folder else None, given.prices)
        for shard in where.shards(client):
            batches = Batches(shard, prices, gate)
            if not given.dry_run:
                finish(shard, gate=gate)
            for hour in _hours(shard, given.start, given.end):
                busy += not given.dry_run and batches.is_busy(hour)
                one = batches.preview(hour, change) if given.dry_run else batches.price(hour, change)
                day = f"{hour:%Y-%m-%d}"
                by_day[day] = by_day[day] + one if day in by_day else one
    _tell(by_day, "would change" if given.dry_run else "changed")
    if busy:
        say(f"{busy} hours are just being changed by another: run it again in three minutes")
    return 1 if busy else 0


def _hours(client: Client, start: datetime, end: datetime) -> list[datetime]:
    rows = client.query(
        "SELECT DISTINCT hour FROM span_1h WHERE is_call AND hour >= {start:DateTime('UTC')}"
        " AND hour < {end:DateTime('UTC')} ORDER BY hour",
        parameters={"start": start, "end": end},
    ).result_rows
    return [row[0].replace(tzinfo=UTC) for row in rows]


def _tell(by_day: dict[str, Changed], verb: str) -> None:
    for day, one in sorted(by_day.items()):
        if one.spans:
            more = one.new_usd - one.old_usd
            say(f"{day}  {one.spans:>10,} calls  {one.old_usd:f} -> {one.new_usd:f}  ({more:+f})")
    calls = sum(one.spans for one in by_day.values())
    more = sum((one.new_usd - one.old_usd for one in by_day.values()), start=Decimal(0))
    say(f"{verb}: {calls:,} calls, {more:+f} US dollars")
