"""`llmtrace alerts`: what fires and why people are told or not; silences, acknowledgements, what went out."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from llmtrace_collector.commands.terminal import guarded, say, time_of
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.options import default_data
from llmtrace_collector.watch import alerts, durations
from llmtrace_collector.watch.groups import group_of
from llmtrace_collector.watch.journal import Journal
from llmtrace_collector.watch.policy import silences
from llmtrace_collector.watch.policy.matchers import Matcher, all_match, parse
from llmtrace_collector.watch.policy.silences import SQL, Silence, silencing
from llmtrace_collector.watch.states import State
from llmtrace_collector.watch.times import from_ms, iso, system_clock, to_ms

_LONGEST_TEXT = 500


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
    now = system_clock()
    with _open(given.data) as db:
        asked = [one for one in silences.read(db) if now < one.ends]
        members = {(row["rule"], row["group_key"]): row for row in db.execute(SQL["all_members"])}
        found = [_alert_as_json(alert, members.get((alert.rule, alert.key)), asked, now) for alert in alerts.live(db)]
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


def _alert_as_json(
    alert: alerts.Alert, member: sqlite3.Row | None, asked: Sequence[Silence], now: datetime
) -> dict[str, Any]:
    group = group_of(alert.key)
    labels = json.loads(member["labels"]) if member else group | {"rule": alert.rule, "kind": alert.kind}
    firing = alert.standing.state is State.FIRING
    return {
        "type": "alert",
        "rule": alert.rule,
        "group": group,
        "shown": ", ".join(f"{name} {value}" for name, value in group.items()) or "-",
        "severity": labels.get("severity", "-"),
        "state": str(alert.standing.state),
        "since": iso(alert.standing.since) if alert.standing.since else "-",
        "value": float(alert.value),
        "limit": float(alert.limit),
        "told": iso(from_ms(member["sent_ms"])) if member and member["told"] and member["sent_ms"] else "-",
        "quiet": _quiet(labels, member, asked, now) if firing else "-",
    }


def _quiet(labels: Mapping[str, str], member: sqlite3.Row | None, asked: Sequence[Silence], now: datetime) -> str:
    silence = silencing(asked, labels, now)
    if silence:
        return f"silence {silence.id}: {silence.reason}"
    if member and member["acknowledged"]:
        return f"acknowledged by {member['ack_who']}: {member['ack_reason']}"
    return "flapping" if member and member["flapping"] else "-"


def _silence(given: argparse.Namespace) -> int:
    now = system_clock()
    silence = Silence(
        id=secrets.token_hex(4),
        matchers=_matchers(given.matchers),
        begins=now,
        ends=_end_of(given, now),
        reason=_text(given.reason, "--reason"),
        who=_text(given.who or getpass.getuser(), "--who"),
    )
    if silence.ends <= now:
        raise ConfigError(f"--until: {iso(silence.ends)} is over already; write a time to come")
    with _open(given.data) as db:
        silences.put(db, silence)
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
    with _open(given.data) as db:
        ended = silences.end(db, given.silence, system_clock())
    if not ended:
        raise ConfigError(f'there is no silence "{given.silence}" in force; see `llmtrace alerts list`')
    say(json.dumps({"id": given.silence, "ended": True}) if given.json else f"{given.silence} has ended")
    return 0


def _ack(given: argparse.Namespace) -> int:
    matchers = _matchers(given.matchers)
    about = {
        "who": _text(given.who or getpass.getuser(), "--who"),
        "reason": _text(given.reason, "--reason"),
        "now_ms": to_ms(system_clock()),
    }
    with _open(given.data) as db:
        rows = [row for row in db.execute(SQL["all_members"]) if row["firing"]]
        meant = [row for row in rows if all_match(matchers, json.loads(row["labels"]))]
        for row in meant:
            db.execute(SQL["acknowledge"], about | {"rule": row["rule"], "group_key": row["group_key"]})
    if not meant:
        raise ConfigError("no alert that fires is meant by these matchers; see `llmtrace alerts list`")
    for row in meant:
        done = {"rule": row["rule"], "group": group_of(row["group_key"]), "acknowledged": True}
        say(json.dumps(done, ensure_ascii=False) if given.json else f"acknowledged: {row['rule']} {row['group_key']}")
    return 0


def _history(given: argparse.Namespace) -> int:
    if given.limit < 1:
        raise ConfigError(f"--limit: {given.limit} is not 1 or more")
    with _open(given.data) as db:
        found = [dict(row) for row in db.execute(SQL["history"], {"bound": given.limit})]
    for row in found:
        row["timestamp"] = iso(from_ms(row.pop("created_ms")))
    if given.json:
        for row in found:
            say(json.dumps(row, ensure_ascii=False))
        return 0
    names = ("timestamp", "type", "rule", "group_key", "webhook", "status", "attempts", "event_id")
    head = ("TIME", "NOTICE", "RULE", "GROUP", "TO", "STATUS", "ATTEMPTS", "ID")
    _table(head, [[str(row[name]) for name in names] for row in found], "no notice went out")
    return 0


def _matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    try:
        return tuple(parse(text) for text in texts)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _text(text: str, option: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST_TEXT:
        raise ConfigError(f"{option}: write one line of up to {_LONGEST_TEXT} characters")
    return text


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


@contextmanager
def _open(data: Path | None) -> Iterator[sqlite3.Connection]:
    """A transaction of the watch of a data folder; a collector that runs there takes turns with it."""
    path = data or Path(os.environ.get("LLMTRACE_DATA") or default_data("llmtrace"))
    if not (path / "watch.db").exists():
        raise ConfigError(f"{path} has no watch yet: start a collector there, or name another folder with --data")
    journal = Journal(DataFolder(path).watch)
    try:
        with journal.transaction() as db:
            yield db
    finally:
        journal.close()
