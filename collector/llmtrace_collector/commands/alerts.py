"""`llmtrace alerts`: what fires and why people are told or not; silences, acknowledgements, what went out."""

from __future__ import annotations

import argparse
import getpass
import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from llmtrace_collector.commands.terminal import guarded, say, time_of
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.options import default_data
from llmtrace_collector.watch import durations
from llmtrace_collector.watch.desk import Desk
from llmtrace_collector.watch.times import iso, system_clock


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace alerts ...`; the exit code."""
    parser = argparse.ArgumentParser(prog="llmtrace alerts", description="Live alerts, silences, acknowledgements.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the alerts that are pending or firing, and the silences")
    silence = actions.add_parser("silence", help="tell nobody of alerts that all matchers mean, until a time")
    silence.add_argument("matchers", metavar="MATCHER", nargs="+", help='user=alice, user!=alice or rule=~"daily-.*"')
    until = silence.add_mutually_exclusive_group(required=True)
    until.add_argument("--for", dest="for_", metavar="DURATION", help='from now on, such as "2h"')
    until.add_argument("--until", metavar="TIME", help="such as 2026-11-24T08:00, UTC unless it says a zone")
    unsilence = actions.add_parser("unsilence", help="end a silence now")
    unsilence.add_argument("silence", metavar="ID", help="as `llmtrace alerts list` shows it")
    ack = actions.add_parser("ack", help="take firing alerts on: no repeats until they resolve or get worse")
    ack.add_argument("matchers", metavar="MATCHER", nargs="+", help="rule=daily-cap user=alice")
    history = actions.add_parser("history", help="the notices of the last 30 days, newest first")
    history.add_argument("--limit", type=int, default=50, metavar="N", help="so many (default: %(default)s)")
    for each in (silence, ack):
        each.add_argument("--reason", required=True, metavar="TEXT", help="why: others will read it")
        each.add_argument("--who", default="", metavar="NAME", help="who asks for it (default: the user of this shell)")
    runs = {listing: _list, silence: _silence, unsilence: _unsilence, ack: _ack, history: _history}
    for each, run in runs.items():
        help_data = "the data folder (default: LLMTRACE_DATA, else the user's)"
        each.add_argument("--data", type=Path, metavar="DIR", help=help_data)
        each.add_argument("--json", action="store_true", help="one JSON object a line")
        each.set_defaults(run=run)
    given = parser.parse_args(argv)
    return guarded("alerts", lambda: int(given.run(given)))


def _list(given: argparse.Namespace) -> int:
    desk = _desk(given.data)
    found, asked = desk.alerts(), desk.silences()
    if given.json:
        for row in (*found, *({"type": "silence", **one.as_json()} for one in asked)):
            say(json.dumps(row, ensure_ascii=False))
        return 0
    head = ("RULE", "GROUP", "SEVERITY", "STATE", "SINCE", "TOLD", "QUIET BECAUSE")
    names = ("rule", "shown", "severity", "state", "since", "told", "quiet")
    _table(head, [[str(row[name]) for name in names] for row in found], "no alert is pending or firing")
    if asked:
        say("")
        rows = [
            [one.id, " ".join(map(str, one.matchers)), iso(one.begins), iso(one.ends), one.who, one.reason]
            for one in asked
        ]
        _table(("SILENCE", "MATCHERS", "BEGINS", "ENDS", "WHO", "REASON"), rows, "")
    return 0


def _silence(given: argparse.Namespace) -> int:
    ends = _end_of(given, system_clock())
    silence = _desk(given.data).silence(given.matchers, ends=ends, reason=given.reason, who=_who(given))
    if given.json:
        say(json.dumps(silence.as_json(), ensure_ascii=False))
    else:
        say(f"{silence.id}: nobody is told of {', '.join(map(str, silence.matchers))} until {iso(silence.ends)}")
    return 0


def _end_of(given: argparse.Namespace, now: datetime) -> datetime:
    if given.until:
        return time_of(given.until, "--until")
    try:
        return now + durations.parse(given.for_)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"--for: {error}") from None


def _unsilence(given: argparse.Namespace) -> int:
    _desk(given.data).unsilence(given.silence, who=getpass.getuser())
    say(json.dumps({"id": given.silence, "ended": True}) if given.json else f"{given.silence} has ended")
    return 0


def _ack(given: argparse.Namespace) -> int:
    for done in _desk(given.data).acknowledge(given.matchers, reason=given.reason, who=_who(given)):
        group = json.dumps(done["group"], ensure_ascii=False)
        say(json.dumps(done, ensure_ascii=False) if given.json else f"acknowledged: {done['rule']} {group}")
    return 0


def _history(given: argparse.Namespace) -> int:
    found = _desk(given.data).history(given.limit)
    if given.json:
        for row in found:
            say(json.dumps(row, ensure_ascii=False))
        return 0
    names = ("timestamp", "type", "rule", "group_key", "webhook", "status", "attempts", "event_id")
    head = ("TIME", "NOTICE", "RULE", "GROUP", "TO", "STATUS", "ATTEMPTS", "ID")
    _table(head, [[str(row[name]) for name in names] for row in found], "no notice went out")
    return 0


def _who(given: argparse.Namespace) -> str:
    return given.who or getpass.getuser()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    if not rows:
        say(empty)
        return
    lines = [head, *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _shown(text: str) -> str:
    """Fit for a terminal: names of groups may hold anything, escape sequences too."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _desk(data: Path | None) -> Desk:
    """That of the watch of a data folder; a collector that runs there takes turns with it."""
    path = data or Path(os.environ.get("LLMTRACE_DATA") or default_data("llmtrace"))
    if not (path / "watch.db").exists():
        raise ConfigError(f"{path} has no watch yet: start a collector there, or name another folder with --data")
    return Desk(folder=DataFolder(path), spelled="--")
