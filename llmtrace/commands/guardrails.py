"""`llmtrace guardrails`: measures a guardrail on a labelled file, and lists those there are."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from llmtrace.guardrails.bench import BadLineError, measured, read_examples
from llmtrace.guardrails.making import BY_NAME, make_guardrails
from llmtrace.guardrails.patterns import PII_KINDS, SECRET_KINDS
from llmtrace.guardrails.verdicts import Guardrail

DONE = 0
WRONG = 2


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace guardrails ...`; the exit code: 0 done, 2 something for the user to change."""
    parser = argparse.ArgumentParser(prog="llmtrace guardrails", description="Guardrails of calls.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    bench = actions.add_parser("bench", help="precision, recall, false hits and time of a guardrail on a labelled file")
    bench.add_argument("file", type=Path, metavar="FILE", help='lines {"text", "spans"} or {"text", "label"}')
    bench.add_argument(
        "--guardrail",
        required=True,
        metavar="NAME",
        help=f"{', '.join(BY_NAME)}, or MODULE:NAME of a guardrail or function of your own",
    )
    bench.add_argument("--flag-from", type=float, metavar="SCORE", help="another threshold for injection")
    actions.add_parser("list", help="say what the guardrails find")
    given = parser.parse_args(argv)
    if given.action == "list":
        return _list()
    try:
        return _bench(given)
    except (BadLineError, OSError, UnicodeDecodeError) as error:
        return _say(f"{given.file}: {error}")
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        return _say(f"--guardrail {given.guardrail}: {error}")


def _bench(given: argparse.Namespace) -> int:
    guard = _guardrail(given.guardrail, given.flag_from)
    with given.file.open(encoding="utf-8") as lines:
        examples = read_examples(lines)
    print(json.dumps(measured(guard, examples)))
    return DONE


def _guardrail(name: str, flag_from: float | None) -> Guardrail:
    module, colon, attribute = name.partition(":")
    if not colon:
        if name == "injection" and flag_from is not None:
            from llmtrace.guardrails.injection import Injection

            return Injection(flag_from=flag_from, ask_from=min(flag_from, 0.35))
        return make_guardrails([name])[0]
    sys.path.insert(0, "")
    return make_guardrails([getattr(importlib.import_module(module), attribute)])[0]


def _list() -> int:
    print(f"by name: {', '.join(BY_NAME)}")
    print(f"pii finds: {', '.join(PII_KINDS)}")
    print(f"secrets finds: {', '.join(SECRET_KINDS)}")
    return DONE


def _say(sentence: str) -> int:
    print(f"llmtrace guardrails: {sentence}", file=sys.stderr)
    return WRONG
