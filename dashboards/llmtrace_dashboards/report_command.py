"""`llmtrace report`: a week in one page of HTML, for a browser, a mail or paper.

llmtrace report --tz Europe/Berlin --out week.html
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llmtrace_dashboards import database
from llmtrace_dashboards.cli import PASSWORD, address
from llmtrace_dashboards.report import asking, days, page
from llmtrace_dashboards.state import clock


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the page; the exit code: 0, 1 when the store does not answer, 2 when an option must be changed."""
    given = _parser().parse_args(argv)
    now_ms = clock.now_ms()
    try:
        asked = _days(given, now_ms)
        _fit(given)
        database.use(address(given.clickhouse, given.user, os.environ.get(PASSWORD, "")))
        _write(page.page(asking.ask(asked, given.project, now_ms), given.app), given.out)
    except ValueError as error:
        print(f"llmtrace report: {error}", file=sys.stderr)
        return 2
    except database.StoreError as error:
        print(f"llmtrace report: {error}", file=sys.stderr)
        return 1
    return 0


def _days(given: argparse.Namespace, now_ms: int) -> days.Days:
    try:
        zone = ZoneInfo(given.tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'--tz: "{given.tz[:40]}" is not a time zone; write it like Europe/Berlin') from None
    if (given.first is None) != (given.last is None):
        raise ValueError("write both --from and --to, or --week")
    if given.first is None:
        return days.week(given.week or "last", now_ms, zone, given.tz)
    if given.week is not None:
        raise ValueError("write --from and --to, or --week, but not both")
    return days.between(given.first, given.last, now_ms, zone, given.tz)


def _fit(given: argparse.Namespace) -> None:
    """Refuses what would fail after the store was asked."""
    if given.app and (urlsplit(given.app).scheme not in {"http", "https"} or not urlsplit(given.app).hostname):
        raise ValueError(f'--app "{given.app[:80]}" is not the address of an app; write it like http://127.0.0.1:8501')
    if given.out and given.out.is_dir():
        raise ValueError(f"--out {given.out} is a folder; name a file in it")
    if given.out and not given.out.parent.is_dir():
        raise ValueError(f"--out {given.out}: there is no folder {given.out.parent}")


def _write(html: str, out: Path | None) -> None:
    """To the file or to standard output, as UTF-8 whatever the terminal has.

    Raises:
        ValueError: the file cannot be written.
    """
    text = html.encode()
    if out is None:
        try:
            sys.stdout.buffer.write(text)
            sys.stdout.flush()
        except BrokenPipeError:  # `| head` has seen enough
            sys.stdout = None  # nor is the rest flushed at exit
        return
    try:
        out.write_bytes(text)
    except OSError as error:
        raise ValueError(f"--out {out}: it cannot be written ({error.strerror})") from None
    print(f"llmtrace report: wrote {out}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmtrace report",
        description="A week in one page of HTML: what changed, what it cost, what failed, which alerts fired.",
    )
    parser.add_argument(
        "--week",
        nargs="?",
        const="last",
        metavar="WEEK",
        help="a week like 2026-W48, Monday to Sunday (default: the last that is over)",
    )
    parser.add_argument("--from", dest="first", metavar="DAY", help="instead: from that day on, like 2026-11-23")
    parser.add_argument(
        "--to", dest="last", metavar="DAY", help=f"to that day, included; {days.MOST_DAYS} days at most"
    )
    parser.add_argument("--project", default="", metavar="NAME", help="of one project")
    parser.add_argument(
        "--tz", default="UTC", metavar="ZONE", help="whose days, like Europe/Berlin (default %(default)s)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: standard output)")
    parser.add_argument(
        "--app", default="", metavar="URL", help="where the app is: figures then lead to what is behind"
    )
    parser.add_argument("--clickhouse", default="http://127.0.0.1:8123", metavar="URL", help="(default %(default)s)")
    parser.add_argument("--user", default="default", help=f"its user; the password is read from {PASSWORD}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
