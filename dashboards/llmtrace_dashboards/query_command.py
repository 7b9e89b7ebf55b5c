"""`llmtrace query`: the rows of the app's Traces page at the terminal, by the same filter.

llmtrace query "latency>3s -status:ok model:gpt-5" --last 6h
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from llmtrace.filters import FilterError
from llmtrace_dashboards import database, figures
from llmtrace_dashboards.cli import PASSWORD, address
from llmtrace_dashboards.exports import as_csv, exported
from llmtrace_dashboards.queries import traces
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import LONGEST_MS, RELATIVE, Window
from llmtrace_dashboards.state.view import GRAINS, SORTS, View

_MOST = 1_000
_NEGATED = re.compile(r'-(?!-)(?:"|[A-Za-z_][\w./-]*(?::|>|<|=|!=))')
_COLUMNS = {
    "started": "STARTED",
    "trace_id": "TRACE",
    "span_id": "SPAN",
    "root": "NAME",
    "name": "NAME",
    "duration_s": "SECONDS",
    "calls": "CALLS",
    "errors": "ERRORS",
    "error": "ERROR",
    "cost_usd": "US$",
    "user": "USER",
    "models": "MODELS",
    "model": "MODEL",
}


class _MistakeError(ValueError):
    """Something for the user to change; the message is a sentence."""


def main(argv: Sequence[str] | None = None) -> int:
    """Prints what matches; the exit code: 0, 1 when the store does not answer, 2 when an option must be changed."""
    given = _parser().parse_args(_filter_last(sys.argv[1:] if argv is None else argv))
    try:
        view, window = _view(given)
        if given.url:
            print(f"{given.app.rstrip('/')}/traces?{urlencode(replace(view, window=window).params(), doseq=True)}")
            return 0
        database.use(address(given.clickhouse, given.user, os.environ.get(PASSWORD, "")))
        found = [exported(row) for row in _rows(view, window, given.limit)]
    except FilterError as error:
        print(f"llmtrace query: {error}\n  {_shown(given.filter)}\n  {' ' * error.at}^", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"llmtrace query: {error}", file=sys.stderr)
        return 2
    except database.StoreError as error:
        print(f"llmtrace query: {error}", file=sys.stderr)
        return 1
    try:
        _FORMATS[given.format](found)
    except BrokenPipeError:  # `| head` has seen enough
        sys.stdout = None  # nor is the rest flushed at exit
    return 0


def _filter_last(argv: Sequence[str]) -> list[str]:
    """The same with filters behind `--`: one may begin with a minus, as `-status:ok` does, and is no option."""
    filters = [word for word in argv if _NEGATED.match(word)]
    return [*(word for word in argv if word not in filters), *(["--", *filters] if filters else [])]


def _view(given: argparse.Namespace) -> tuple[View, Window]:
    now_ms = clock.now_ms()
    plain = replace(View(), project=given.project, sort=given.sort, relative=given.last, grain=given.grain)
    view = plain.asking(given.filter)
    if given.project:
        view = replace(view, project=given.project)
    if (given.start is None) != (given.end is None):
        raise _MistakeError("write both --from and --to, or --last")
    if given.start is not None:
        start, end = _time(given.start, "--from"), _time(given.end, "--to")
        if not start < end or end - start > LONGEST_MS:
            raise _MistakeError("--to must lie after --from, by 400 days at most")
        view = replace(view, window=Window(start_ms=start, end_ms=end))
    if not 1 <= given.limit <= _MOST:
        raise _MistakeError(f"--limit: {given.limit} is not between 1 and {_MOST}")
    return view, view.window_at(now_ms)


def _time(text: str, option: str) -> int:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise _MistakeError(f'{option}: "{text[:40]}" is not a time; write it like 2026-11-24T08:00') from None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def _rows(view: View, window: Window, limit: int) -> list[dict[str, Any]]:
    """As the app pages through them; slowest and dearest have one page."""
    rows: list[dict[str, Any]] = []
    while len(rows) < limit:
        page: list[dict[str, Any]] = []
        for query in traces.pages(view, window):
            page = database.rows(query)
            if len(page) > traces.PAGE:
                break
        rows += page[: traces.PAGE]
        if len(page) <= traces.PAGE or view.sort != "newest":
            break
        view = replace(view, before=traces.cursor(rows[-1]))
    return rows[:limit]


def _table(rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        print("nothing matches")
        return
    names = [name for name in _COLUMNS if name in rows[0]]
    lines = [[_COLUMNS[name] for name in names], *([_cell(row, name) for name in names] for row in rows)]
    widths = [min(max(len(line[at]) for line in lines), 40) for at in range(len(names))]
    for line in lines:
        print("  ".join(cell[:width].ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if name == "cost_usd":
        return "-" if value is None else figures.money(float(value)).removeprefix("$")
    return _shown(", ".join(value) if isinstance(value, list) else "-" if value in {None, ""} else str(value))


def _shown(text: str) -> str:
    """Fit for a terminal: names may hold anything, escape sequences too."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _json(rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        print(json.dumps(row))


def _csv(rows: Sequence[Mapping[str, Any]]) -> None:
    print(as_csv(rows), end="")


_FORMATS = {"table": _table, "json": _json, "csv": _csv}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmtrace query",
        description="Traces with a span that matches a filter, or the spans, as the app's Traces page has them.",
    )
    parser.add_argument("filter", nargs="?", default="", help='such as "latency>3s -status:ok model:gpt-5*"')
    parser.add_argument("--last", choices=RELATIVE, default="24h", help="how far back (default %(default)s)")
    parser.add_argument("--from", dest="start", metavar="TIME", help="instead: from then, UTC unless it says a zone")
    parser.add_argument("--to", dest="end", metavar="TIME", help="until then")
    parser.add_argument("--project", default="", metavar="NAME", help="of one project")
    parser.add_argument("--sort", choices=SORTS, default="newest", help="(default %(default)s)")
    parser.add_argument("--grain", choices=GRAINS, default="trace", help="what a row is (default %(default)s)")
    parser.add_argument(
        "--limit", type=int, default=traces.PAGE, metavar="N", help="at most so many (default %(default)s)"
    )
    parser.add_argument("--format", choices=_FORMATS, default="table", help="(default %(default)s)")
    parser.add_argument("--url", action="store_true", help="print the address of the same in the app, and nothing else")
    parser.add_argument("--app", default="http://127.0.0.1:8501", metavar="URL", help="where the app is, for --url")
    parser.add_argument("--clickhouse", default="http://127.0.0.1:8123", metavar="URL", help="(default %(default)s)")
    parser.add_argument("--user", default="default", help=f"its user; the password is read from {PASSWORD}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
