"""`llmtrace reconcile`: the provider's costs beside those in the store."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.pricing import invoice
from llmtrace_collector.pricing.reconciling import Difference, compare, own_costs, within
from llmtrace_collector.upkeep import reach


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace reconcile ...`; 0 within the tolerance, 1 beyond it, 2 a file or option is wrong."""
    parser = argparse.ArgumentParser(
        prog="llmtrace reconcile", description="Compare what the provider billed with what the store has."
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the answer of OpenAI's costs API (JSON), or a CSV")
    parser.add_argument("--from", dest="start", type=date.fromisoformat, help="first day, UTC (default: the file's)")
    parser.add_argument("--to", dest="end", type=date.fromisoformat, help="last day, included (default: the file's)")
    parser.add_argument("--provider", default="openai", help="whose invoice it is (default: %(default)s)")
    parser.add_argument(
        "--project", action="append", default=[], metavar="ID=NAME", help="which of our projects a provider's id is"
    )
    parser.add_argument(
        "--tolerance", default="1%", help="of the sum: 1%% of what was billed, or dollars, such as 0.50"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    reach.add_to(parser)
    given = parser.parse_args(argv)
    return guarded("reconcile", lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    projects = dict(_pair(text) for text in given.project)
    if not re.fullmatch(r"\d+(\.\d+)?%?", given.tolerance):
        raise ConfigError(f'--tolerance "{given.tolerance}" is neither a share like 1% nor dollars like 0.50')
    billed = invoice.read(given.file)
    start = given.start or min(line.day for line in billed)
    end = given.end or max(line.day for line in billed)
    inside = [line for line in billed if start <= line.day <= end]
    with reach.reach(given).session() as client:
        own = own_costs(client, given.provider, start, end)
    rows = compare(own, inside, provider=given.provider, projects=projects)
    is_within = within(rows, given.tolerance)
    say(_as_json(rows, is_within) if given.json else _table(rows))
    if not given.json:
        say(
            f"the sums agree within {given.tolerance}"
            if is_within
            else f"the sums differ by more than {given.tolerance}"
        )
    return 0 if is_within else 1


def _pair(text: str) -> tuple[str, str]:
    theirs, is_pair, ours = text.partition("=")
    if not (is_pair and theirs and ours):
        raise ConfigError(f'--project "{text}" is no ID=NAME; write proj_abc=shop')
    return theirs, ours


def _total(rows: Sequence[Difference]) -> tuple[Decimal, Decimal, int, int]:
    return (
        sum((row.own_usd for row in rows), Decimal(0)),
        sum((row.billed_usd for row in rows), Decimal(0)),
        sum(row.calls for row in rows),
        sum(row.unpriced for row in rows),
    )


def _as_json(rows: Sequence[Difference], is_within: bool) -> str:
    own, billed, calls, unpriced = _total(rows)
    found = [
        {
            "day": row.day.isoformat(),
            "model": row.model,
            "project": row.project,
            "own_usd": f"{row.own_usd:f}",
            "billed_usd": f"{row.billed_usd:f}",
            "difference_usd": f"{row.usd:f}",
            "calls": row.calls,
            "unpriced_calls": row.unpriced,
        }
        for row in rows
    ]
    total = {"own_usd": f"{own:f}", "billed_usd": f"{billed:f}", "difference_usd": f"{billed - own:f}"}
    return json.dumps(
        {"rows": found, "total": {**total, "calls": calls, "unpriced_calls": unpriced}, "within": is_within}
    )


def _table(rows: Sequence[Difference]) -> str:
    own, billed, calls, unpriced = _total(rows)
    head = ("DAY", "MODEL", "PROJECT", "STORE", "BILLED", "DIFFERENCE", "CALLS", "WITHOUT COST")
    body = [
        (
            row.day.isoformat(),
            row.model,
            row.project,
            *_money(row.own_usd, row.billed_usd),
            str(row.calls),
            str(row.unpriced),
        )
        for row in rows
    ]
    table = [head, *body, ("total", "", "", *_money(own, billed), str(calls), str(unpriced))]
    widths = [max(len(row[at]) for row in table) for at in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at < 3 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    )


def _money(own: Decimal, billed: Decimal) -> tuple[str, str, str]:
    return f"{own:.6f}", f"{billed:.6f}", f"{billed - own:+.6f}"
