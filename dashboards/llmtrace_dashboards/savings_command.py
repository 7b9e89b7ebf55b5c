"""`llmtrace savings`: what prompt caching, the local cache and routing saved, at the terminal.

llmtrace savings --from 2026-11-01 --to 2026-12-01 --by model
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from llmtrace.filters import FilterError
from llmtrace_dashboards import database
from llmtrace_dashboards.cli import PASSWORD, address
from llmtrace_dashboards.queries.savings import COUNTERFACTUALS, GROUPS, MOST_GROUPS, savings
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import LONGEST_MS, RELATIVE, Window
from llmtrace_dashboards.state.view import View

_MONEY = ("spent_usd", "prompt_cache_usd", "local_cache_usd", "routing_usd", "saved_usd")
_COUNTS = ("calls", "prompt_cache_calls", "local_cache_calls", "routing_calls", "unknown_calls")
_HEAD = ("CALLS", "SPENT", "PROMPT CACHE", "LOCAL CACHE", "ROUTING", "SAVED")


class _MistakeError(ValueError):
    """Something for the user to change; the message is a sentence."""


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the ledger; the exit code: 0, 1 when the store does not answer, 2 when an option must be changed."""
    given = _parser().parse_args(argv)
    try:
        view = View().asking(given.filter)
        window = _window(given, view)
        database.use(address(given.clickhouse, given.user, os.environ.get(PASSWORD, "")))
        found = database.rows(savings(view, window, given.by))
        (total,) = found if given.by == "all" and found else database.rows(savings(view, window)) or [_nothing()]
    except (FilterError, ValueError) as error:
        print(f"llmtrace savings: {error}", file=sys.stderr)
        return 2
    except database.StoreError as error:
        print(f"llmtrace savings: {error}", file=sys.stderr)
        return 1
    rows = [] if given.by == "all" else found
    print(_as_json(given.by, window, rows, total) if given.json else _table(given.by, rows, total))
    return 0


def _window(given: argparse.Namespace, view: View) -> Window:
    if given.start is None and given.end is None:
        return View(q=view.q, relative=given.last).window_at(clock.now_ms())
    if given.start is None:
        raise _MistakeError("write --from beside --to, or --last")
    start = _time(given.start, "--from")
    end = _time(given.end, "--to") if given.end is not None else clock.now_ms()
    if not start < end or end - start > LONGEST_MS:
        raise _MistakeError("--to must lie after --from, by 400 days at most")
    return Window(start_ms=start, end_ms=end)


def _time(text: str, option: str) -> int:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise _MistakeError(f'{option}: "{text[:40]}" is not a time; write it like 2026-11-24T08:00') from None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def _nothing() -> dict[str, Any]:
    return dict.fromkeys(_MONEY, Decimal(0)) | dict.fromkeys(_COUNTS, 0)


def _as_json(by: str, window: Window, rows: Sequence[Mapping[str, Any]], total: Mapping[str, Any]) -> str:
    times = {
        name: datetime.fromtimestamp(ms / 1000, UTC).isoformat()
        for name, ms in (("from", window.start_ms), ("to", window.end_ms))
    }
    found = [{by: row["value"], **_plain(row)} for row in rows]
    return json.dumps({**times, "by": by, "rows": found, "total": _plain(total), "against": COUNTERFACTUALS})


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(row[name]) for name in _COUNTS} | {name: f"{Decimal(row[name]):f}" for name in _MONEY}


def _table(by: str, rows: Sequence[Mapping[str, Any]], total: Mapping[str, Any]) -> str:
    named = [(_shown(str(row["value"]) or "(none)"), row) for row in rows]
    lines = [(by.upper() if rows else "", *_HEAD), *(_line(*each) for each in named), _line("total", total)]
    widths = [min(max(len(line[at]) for line in lines), 40) for at in range(len(lines[0]))]
    table = [
        "  ".join(
            cell[:width].ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    notes = [f"{'against ' if not at else ''}{text}" for at, text in enumerate(COUNTERFACTUALS.values())]
    if unknown := round(total["unknown_calls"]):
        notes.append(f"{unknown:,} calls that saved something have no price: they count as 0")
    if len(rows) >= MOST_GROUPS:
        notes.append(f"the {MOST_GROUPS:,} values that saved most are shown; the total has all")
    return "\n".join([*table, *notes])


def _line(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    return (name, f"{round(row['calls']):,}", *(f"{Decimal(row[money]):,.6f}" for money in _MONEY))


def _shown(text: str) -> str:
    """Fit for a terminal: names may hold anything, escape sequences too."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmtrace savings", description="What prompt caching, the local cache and routing saved, each dollar once."
    )
    parser.add_argument("filter", nargs="?", default="", help='of which calls, such as "feature:search"')
    parser.add_argument("--by", choices=GROUPS, default="all", help="a row for each (default: one for all)")
    parser.add_argument("--last", choices=RELATIVE, default="30d", help="how far back (default %(default)s)")
    parser.add_argument("--from", dest="start", metavar="TIME", help="instead: from then, UTC unless it says a zone")
    parser.add_argument("--to", dest="end", metavar="TIME", help="until then (default: now)")
    parser.add_argument("--json", action="store_true", help="one JSON object; money as decimal texts")
    parser.add_argument("--clickhouse", default="http://127.0.0.1:8123", metavar="URL", help="(default %(default)s)")
    parser.add_argument("--user", default="default", help=f"its user; the password is read from {PASSWORD}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
