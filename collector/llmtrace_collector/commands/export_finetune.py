"""`llmtrace export finetune`: good answers as data sets that trainers take; and a check of any such file."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from llmtrace.redaction.policies import LEVELS, make_redactor
from llmtrace_collector.commands.terminal import say, time_of
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.finetune.formats import FORMATS, PAIRS, lines, pairs
from llmtrace_collector.finetune.gates import Gates, Sieve
from llmtrace_collector.finetune.stored import Asked, stored_calls
from llmtrace_collector.finetune.validity import problems
from llmtrace_collector.finetune.writing import split, write
from llmtrace_collector.upkeep import reach

_MOST = 100_000


def add_to(actions: Any) -> None:
    """Adds the action to `llmtrace export`."""
    parser = actions.add_parser("finetune", help="good answers as a data set to tune a smaller model on")
    parser.add_argument("--format", choices=FORMATS, required=True, help="the trainer's form")
    parser.add_argument("--out", type=Path, metavar="DIR", help="a new folder for the files")
    parser.add_argument("--check", type=Path, metavar="FILE", help="instead: say what is wrong with a file")
    parser.add_argument("--from", dest="start", default="", metavar="TIME", help="calls from then (30 days ago)")
    parser.add_argument("--to", dest="end", default="", metavar="TIME", help="until then (default: now)")
    parser.add_argument("--project", default="", metavar="NAME", help="of one project")
    parser.add_argument("--feature", default="", metavar="NAME", help="of one feature")
    parser.add_argument("--model", default="", metavar="NAME", help="that one model answered")
    parser.add_argument(
        "--min-feedback",
        type=float,
        metavar="X",
        help="only with feedback, of a mean of X or more (words: 1 and 0)",
    )
    parser.add_argument(
        "--min-score", action="append", default=[], metavar="NAME=X", help="only with this evaluation, X or more"
    )
    parser.add_argument("--scrub", choices=LEVELS, default="all", help="what gives way to markers (default: all)")
    parser.add_argument("--held-out", type=float, default=0.1, metavar="SHARE", help="of sessions, for testing (0.1)")
    parser.add_argument("--seed", type=int, default=0, help="of the split (0)")
    parser.add_argument("--limit", type=int, default=10_000, metavar="N", help="look at the newest N calls (10,000)")
    reach.add_to(parser)


def run(given: argparse.Namespace) -> int:
    """0: done and valid; 1: a file is not what the trainer takes."""
    if given.check is not None:
        return _check(given.check, given.format)
    if given.out is None:
        raise ConfigError("--out is missing: name a new folder, or a file to --check")
    if not 0 <= given.held_out < 1 or not 1 <= given.limit <= _MOST:
        raise ConfigError(f"--held-out is a share from 0 to below 1, --limit 1 to {_MOST:,}")
    end = time_of(given.end, "--to") if given.end else datetime.now(UTC)
    start = time_of(given.start, "--from") if given.start else end - timedelta(days=30)
    if start >= end:
        raise ConfigError("--to must lie after --from")
    gates = Gates(min_feedback=given.min_feedback, min_scores=dict(map(_score, given.min_score)))
    sieve = Sieve(gates=gates, redactor=make_redactor(given.scrub))
    asked = Asked(
        start=start, end=end, project=given.project, feature=given.feature, model=given.model, limit=given.limit
    )
    with reach.reach(given).session() as client:
        # The worse of a pair need not pass what the better must.
        kept = sieve.through(stored_calls(client, asked), passing=given.format not in PAIRS)
    found = (pairs if given.format in PAIRS else lines)(kept, given.format)
    made = split(found, share=given.held_out, seed=given.seed)
    told = write(given.out, made, _manifest(given, asked, sieve, made.left_out))
    say(_table(told))
    return _report(given.out, given.format)


def _score(text: str) -> tuple[str, float]:
    name, is_pair, least = text.rpartition("=")
    if is_pair and name:
        with suppress(ValueError):
            return name, float(least)
    raise ConfigError(f'--min-score: "{text[:60]}" is no NAME=NUMBER; write it like faithful=0.8')


def _manifest(given: argparse.Namespace, asked: Asked, sieve: Sieve, left_out: Counter[str]) -> dict[str, Any]:
    return {
        "format": given.format,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "calls": {**asked.params, "start": asked.start.isoformat(), "end": asked.end.isoformat()},
        "gates": {"min_feedback": given.min_feedback, "min_scores": dict(sieve.gates.min_scores)},
        "scrub": given.scrub,
        "split": {"by": "session", "held_out": given.held_out, "seed": given.seed},
        "looked_at": sieve.seen,
        "scrubbed": sieve.scrubbed,
        "turned_away": dict(sorted((sieve.turned_away + left_out).items())),
    }


def _table(told: dict[str, Any]) -> str:
    counts = [("looked at", told["looked_at"]), *((f"  {why}", n) for why, n in told["turned_away"].items())]
    counts += [(name, told[name]["examples"]) for name in ("train", "test")]
    counts.append(("tokens to train on", told["train"]["tokens"]["sum"]))
    width = max(len(name) for name, _ in counts)
    return "\n".join(f"{name.ljust(width)}  {count:>12,}" for name, count in counts)


def _check(path: Path, form: str) -> int:
    try:
        found = problems(path, form)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    for problem in found:
        say(f"{path}: {problem}")
    if not found:
        say(f"{path}: valid as {form}")
    return 1 if found else 0


def _report(folder: Path, form: str) -> int:
    found: Sequence[str] = [
        f"{name}.jsonl: {problem}"
        for name, count in (("train", True), ("test", False))
        for problem in problems(folder / f"{name}.jsonl", form, count=count)
    ]
    for problem in found:
        say(f"{folder / problem}")
    if not found:
        say(f"{folder}: valid as {form}")
    return 1 if found else 0
