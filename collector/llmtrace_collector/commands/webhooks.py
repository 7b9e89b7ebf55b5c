"""`llmtrace webhooks`: the channels of a rule file and what is on its way to them; verifying what was received."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from llmtrace_collector.channels import Allowed, Channel, Gateway, Sender
from llmtrace_collector.channels import signing as signatures
from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.options import default_data
from llmtrace_collector.watch import outbox, standings, trial
from llmtrace_collector.watch.directory import Directory
from llmtrace_collector.watch.journal import Journal
from llmtrace_collector.watch.retries import Verdict, judge
from llmtrace_collector.watch.rules import read
from llmtrace_collector.watch.standings import Receiver
from llmtrace_collector.watch.times import system_clock
from llmtrace_collector.watch.transition import new_event_id


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace webhooks ...`; the exit code."""
    parser = argparse.ArgumentParser(prog="llmtrace webhooks", description="Channels of alerts, and their deliveries.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the channels, what waits for them and what was given up")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    test = actions.add_parser("test", help="send a test notice to a channel, the way alerts go")
    test.add_argument("channel", metavar="CHANNEL", help="its name, or scheme and host of a webhook in a rule")
    allow = os.environ.get("LLMTRACE_NOTIFY_ALLOW", "")
    test.add_argument("--notify-allow", default=allow, metavar="HOSTS", help="as for `llmtrace up`")
    redeliver = actions.add_parser("redeliver", help="send again what was given up, and enable its channels")
    redeliver.add_argument("channel", metavar="CHANNEL", nargs="?", default="", help="only to this one, as listed")
    redeliver.add_argument("--event", default="", metavar="ID", help="only this one, by its webhook-id")
    verify = actions.add_parser("verify", help="for receivers: is a delivery right, and if not, why not")
    _add_verify(verify)
    for each, run in ((listing, _list), (test, _test), (redeliver, _redeliver), (verify, _verify)):
        each.set_defaults(run=run)
    for each in (listing, test):
        rules = os.environ.get("LLMTRACE_RULES")
        help_rules = "the rule file (default: LLMTRACE_RULES)"
        each.add_argument("--rules", type=Path, metavar="FILE", default=Path(rules) if rules else None, help=help_rules)
    for each in (listing, redeliver):
        help_data = "the data folder (default: LLMTRACE_DATA, else the user's)"
        each.add_argument("--data", type=Path, metavar="DIR", help=help_data)
    given = parser.parse_args(argv)
    return guarded("webhooks", lambda: int(given.run(given)))


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("body", metavar="BODY", help="a file with the raw body, or - for standard input")
    parser.add_argument("--headers", type=Path, required=True, metavar="FILE", help='a file of lines "name: value"')
    secret = parser.add_mutually_exclusive_group(required=True)
    secret.add_argument("--secret-env", metavar="NAME", help="the environment variable that holds the secret")
    secret.add_argument("--secret-file", type=Path, metavar="FILE", help="the file that holds the secret")
    parser.add_argument("--at", type=float, metavar="SECONDS", help="the time to judge by, since 1970 (default: now)")
    tolerance = "how far the attempt may be from it, seconds (default: %(default)s)"
    parser.add_argument("--tolerance", type=float, default=signatures.TOLERANCE_S, metavar="SECONDS", help=tolerance)


def _list(given: argparse.Namespace) -> int:
    channels = _channels(given.rules) if given.rules else []
    journal = _journal(given.data)
    found: list[Receiver] = standings.receivers(journal, channels)
    if journal:
        journal.close()
    if given.json:
        for receiver in found:
            say(json.dumps(receiver.as_json()))
    else:
        say("\n".join(_table(found)) if found else "there are no channels: name the rule file with --rules")
    return 0


def _table(found: Sequence[Receiver]) -> list[str]:
    head = ("CHANNEL", "KIND", "LEADS TO", "DELIVERED", "WAITING", "GIVEN UP", "STATE")
    rows = [head, *((r.name, r.kind, r.shown, str(r.delivered), str(r.waiting), str(r.failed), r.state) for r in found)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _test(given: argparse.Namespace) -> int:
    if not given.rules:
        raise ConfigError("there is no rule file: name it with --rules")
    channels = _channels(given.rules)
    channel = next((each for each in channels if given.channel == (each.name or each.shown)), None)
    if channel is None:
        known = ", ".join(each.name or each.shown for each in channels) or "none"
        raise ConfigError(f'"{given.channel}" is no channel of {given.rules}; these are: {known}')
    send = Sender(Gateway(Allowed.parse(given.notify_allow)))
    now = system_clock()
    for notice in trial.notices(channel, new_event_id(secrets.SystemRandom()), now):
        answer = send(channel.message(notice, now))
        why = answer.error or f"the receiver answered {answer.status}"
        if judge(answer) is not Verdict.DELIVERED:
            say(f"{channel}: failed: {why}")
            return 1
        say(f"{channel}: {notice.status} delivered ({answer.status}){f', but {answer.error}' if answer.error else ''}")
    return 0


def _redeliver(given: argparse.Namespace) -> int:
    journal = _journal(given.data)
    if journal is None:
        raise ConfigError("nothing was ever sent from this data folder: name another with --data")
    try:
        endpoint = ""
        if given.channel:
            found = standings.receivers(journal, [])
            endpoint = next((r.endpoint for r in found if given.channel in {r.name, r.shown, r.endpoint}), "")
            if not endpoint:
                raise ConfigError(f'nothing was ever sent to "{given.channel}"; see `llmtrace webhooks list`')
        with journal.transaction() as db:
            count = outbox.redeliver(db, system_clock(), endpoint=endpoint, event_id=given.event)
    finally:
        journal.close()
    say(f"{count} notices are due again; a running collector sends them within a second")
    return 0


def _verify(given: argparse.Namespace) -> int:
    try:
        body = sys.stdin.buffer.read() if given.body == "-" else Path(given.body).read_bytes()
        lines = given.headers.read_text(encoding="utf-8").splitlines()
        secret = given.secret_file.read_text() if given.secret_file else os.environ.get(given.secret_env, "")
        keys = [signatures.key_of(text) for text in secret.split()]
    except OSError as error:
        raise ConfigError(f"{error.filename} cannot be read: {error.strerror}; check the path") from error
    except ValueError as error:
        raise ConfigError(f"{error}; give the secret that the channel has") from None
    if not keys:
        raise ConfigError(f"the secret is empty: is {given.secret_env or given.secret_file} set?")
    headers = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    now_s = time.time() if given.at is None else given.at
    why = signatures.objection(keys, headers, body, now_s=now_s, tolerance_s=given.tolerance)
    say(f"NOT RIGHT: {why}" if why else "right: the signature and the time are as they should be")
    return 1 if why else 0


def _channels(rules: Path) -> list[Channel]:
    found = read(rules)
    return list(Directory.of(found.rules, found.channels).by_endpoint.values())


def _journal(data: Path | None) -> Journal | None:
    """The outbox of a data folder; None: nothing was ever sent from there."""
    path = data or Path(os.environ.get("LLMTRACE_DATA") or default_data("llmtrace"))
    if not (path / "watch.db").exists():
        return None
    return Journal(DataFolder(path).watch)
