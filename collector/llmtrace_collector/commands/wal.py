"""`llmtrace wal`: looks into the write-ahead log, checks it, sends dead letters again or deletes them.

Works whether the collector runs or not; `inspect` and `verify` change nothing.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.ledger import ask_to_settle
from llmtrace_collector.options import default_data
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal import dead
from llmtrace_collector.wal.replay import hand_in, send_again
from llmtrace_collector.wal.survey import Found, survey


def main(argv: Sequence[str]) -> int:
    """Runs one of the five; the exit code: 1 when `verify` found damage."""
    parser = argparse.ArgumentParser(prog="llmtrace wal", description=__doc__.partition("\n")[0] if __doc__ else None)
    data = argparse.ArgumentParser(add_help=False)
    given_data = os.environ.get("LLMTRACE_DATA")
    data.add_argument("--data", type=Path, metavar="DIR", default=Path(given_data) if given_data else None)
    verbs = parser.add_subparsers(dest="verb", required=True)
    inspect = verbs.add_parser("inspect", parents=[data], help="what waits and what could not be stored")
    inspect.add_argument("--json", action="store_true", help="for programs")
    verbs.add_parser("verify", parents=[data], help="check every checksum; changes nothing")
    replay = verbs.add_parser("replay", parents=[data], help="send dead letters, or segment files, to the store")
    replay.add_argument("--signal", type=Signal, choices=list(Signal), help="of files whose folder does not say it")
    discard = verbs.add_parser("discard", parents=[data], help="delete dead letters for good")
    verbs.add_parser("settle", parents=[data], help="take what is missing in the books as known")
    for verb in (replay, discard):
        verb.add_argument("names", nargs="*", metavar="NAME", help="of dead letters, as `inspect` shows them")
        verb.add_argument("--all", action="store_true", help="all dead letters")
    given = parser.parse_args(argv)
    verbs_do: dict[str, Callable[[Path, argparse.Namespace], int]] = {
        "inspect": _inspect,
        "verify": _verify,
        "replay": _replay,
        "discard": _discard,
        "settle": _settle,
    }
    return guarded("wal", lambda: verbs_do[given.verb](_folder(given.data), given))


def _folder(data: Path | None) -> Path:
    folder = (data or default_data("llmtrace")).expanduser() / "wal"
    if not folder.is_dir():
        raise ConfigError(f"there is no log at {folder}: give the data folder of `llmtrace up` with --data")
    return folder


def _inspect(folder: Path, given: argparse.Namespace) -> int:
    found, letters = list(survey(folder)), dead.letters(folder)
    if given.json:
        rows = [_row(folder, each) for each in found]
        notes = [
            {"name": each.path.stem, "signal": each.signal, "items": each.items, "reason": each.reason}
            for each in letters
        ]
        say(json.dumps({"segments": rows, "dead_letters": notes}, indent=2))
        return 0
    say(f"{len(found)} segments, {sum(each.items for each in found):,} items in {_bytes(found)} wait in {folder}")
    for each in found:
        state = "open" if each.is_open else f"{each.age_s:,.0f} s"
        damage = f"  DAMAGED: {'; '.join(each.damage)}" if each.damage else ""
        say(
            f"  {each.path.relative_to(folder)}  {each.records:,} records  {each.items:,} items"
            f"  {each.size_bytes:,} bytes  {state}{damage}"
        )
    say(f"{len(letters)} dead letters")
    for letter in letters:
        say(
            f"  {letter.path.stem}  {letter.signal}  {letter.items:,} items  {letter.age_s:,.0f} s\n    {letter.reason}"
        )
    if letters:
        say("`llmtrace wal replay NAME` sends one again, `llmtrace wal discard NAME` deletes it")
    return 0


def _bytes(found: Iterable[Found]) -> str:
    return f"{sum(each.size_bytes for each in found):,} bytes"


def _row(folder: Path, found: Found) -> dict[str, object]:
    return {
        "path": str(found.path.relative_to(folder)),
        "signal": found.signal,
        "open": found.is_open,
        "records": found.records,
        "items": found.items,
        "bytes": found.size_bytes,
        "age_s": round(found.age_s, 3),
        "damage": list(found.damage),
    }


def _verify(folder: Path, _: argparse.Namespace) -> int:
    damaged = checked = 0
    for each in survey(folder):
        checked += 1
        for damage in each.damage:
            damaged += 1
            say(f"DAMAGED  {each.path.relative_to(folder)}: {damage}")
    say(f"{checked} segments checked, {damaged} faults" if damaged else f"{checked} segments checked, all sound")
    return 1 if damaged else 0


def _replay(folder: Path, given: argparse.Namespace) -> int:
    files = [Path(name) for name in given.names if Path(name).is_file()]
    given.names = [name for name in given.names if not Path(name).is_file()]
    for file in files:
        records = hand_in(folder, file, given.signal or _signal_of(file))
        say(f"{file}: {records:,} records are on their way to the store")
    if files and not given.names and not given.all:
        return 0
    for letter in _chosen(folder, given):
        send_again(folder, letter)
        say(f"{letter.path.stem}: {letter.items:,} items are on their way to the store")
    return 0


def _signal_of(file: Path) -> Signal:
    try:
        return Signal(file.absolute().parent.name)
    except ValueError as error:
        raise ConfigError(f"what is in {file}? Say it with --signal traces, logs or metrics") from error


def _discard(folder: Path, given: argparse.Namespace) -> int:
    for letter in _chosen(folder, given):
        letter.discard()
        say(f"{letter.path.stem}: {letter.items:,} items are deleted; a note that they were stays")
    return 0


def _settle(folder: Path, _: argparse.Namespace) -> int:
    ask_to_settle(folder)
    say("what is missing is taken as known at the collector's next balance, in some seconds or at its next start")
    return 0


def _chosen(folder: Path, given: argparse.Namespace) -> list[dead.Letter]:
    letters = dead.letters(folder)
    if given.all:
        return letters
    if not given.names:
        raise ConfigError("which dead letters? Give their names, as `llmtrace wal inspect` shows them, or --all")
    by_name = {letter.path.stem: letter for letter in letters}
    for name in given.names:
        if name not in by_name:
            raise ConfigError(f'there is no dead letter "{name}": `llmtrace wal inspect` shows those there are')
    return [by_name[name] for name in given.names]
