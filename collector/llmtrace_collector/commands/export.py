"""`llmtrace export`: what the store has, in forms that other tools read."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from llmtrace_collector.commands import export_finetune
from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.pricing import focus
from llmtrace_collector.upkeep import reach


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace export ...`; the exit code."""
    parser = argparse.ArgumentParser(prog="llmtrace export", description="Export what the store has for other tools.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    costs = actions.add_parser("focus", help="costs by day as CSV, by the FOCUS specification 1.2")
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    costs.add_argument("--from", dest="start", default=str(yesterday), metavar="DAY", help="first day, UTC (yesterday)")
    costs.add_argument("--to", dest="end", default="", metavar="DAY", help="last day, included (default: the first)")
    costs.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    reach.add_to(costs)
    export_finetune.add_to(actions)
    given = parser.parse_args(argv)
    return guarded("export", lambda: export_finetune.run(given) if given.action == "finetune" else _focus(given))


def _focus(given: argparse.Namespace) -> int:
    start = _day(given.start, "--from")
    end = _day(given.end, "--to") if given.end else start
    if end < start:
        raise ConfigError(f"--to: {end} is before --from")
    partial = given.out.with_name(f"{given.out.name}.partial")
    rows, total = 0, Decimal(0)
    with reach.reach(given).session() as client:
        try:
            with partial.open("w", newline="", encoding="utf-8") as file:
                out = csv.DictWriter(file, focus.COLUMNS)
                out.writeheader()
                for row in focus.charges(client, start, end):
                    out.writerow(row)
                    rows, total = rows + 1, total + Decimal(row["BilledCost"])
            partial.replace(given.out)
        except OSError as error:
            raise ConfigError(f"{given.out} cannot be written: {error.strerror}") from error
        finally:
            partial.unlink(missing_ok=True)
    say(f"{rows} charges, ${total:f}, of {start} to {end}; written to {given.out}")
    return 0


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f'{option}: "{text[:40]}" is not a day; write it like 2026-11-24') from None
