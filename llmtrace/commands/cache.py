"""`llmtrace cache bench`: tries the semantic cache on labelled pairs of questions."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

# Before numpy is loaded: for texts as short as these, more threads take longer.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from llmtrace.cache.trial import Pair, try_pairs
from llmtrace.embedding import Embedder, LexicalEmbedder, LocalEmbedder

DONE: Final = 0
WRONG: Final = 2


class _PairsError(Exception):
    """A file that has no pairs in it; the sentence says what and where."""


def main(argv: Sequence[str]) -> int:
    """Runs `llmtrace cache ...`; the exit code: 0 done, 2 something for the user to change."""
    parser = argparse.ArgumentParser(prog="llmtrace cache", description="The semantic cache.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    bench = actions.add_parser("bench", help="store `a`, then ask `b`, of every line; one JSON object comes out")
    bench.add_argument("pairs", type=Path, metavar="PAIRS.jsonl", help='lines {"a": text, "b": text, "same": true}')
    bench.add_argument("--delta", type=float, default=0.01, help="wrong answers / all requests (default: %(default)s)")
    bench.add_argument(
        "--embedder",
        choices=("auto", "local", "lexical"),
        default="auto",
        help="local: all-MiniLM-L6-v2 on this machine; lexical: spelling alone; auto: local where it is installed",
    )
    given = parser.parse_args(argv)
    try:
        outcome = try_pairs(_read(given.pairs), _embedder(given.embedder), given.delta)
    except (_PairsError, ModuleNotFoundError, ValueError) as error:
        print(f"llmtrace cache: {error}", file=sys.stderr)
        return WRONG
    print(json.dumps(outcome.plain()))
    return DONE


def _embedder(name: str) -> Embedder:
    if name == "lexical":
        return LexicalEmbedder()
    try:
        return LocalEmbedder()
    except ModuleNotFoundError as error:
        if name == "local":
            raise
        print(f"llmtrace cache: {error}; going by spelling alone", file=sys.stderr)
        return LexicalEmbedder()


def _read(path: Path) -> list[Pair]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _PairsError(f"{path} cannot be read: {error}") from error
    return [_pair(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _pair(line: str, where: str) -> Pair:
    try:
        found: Any = json.loads(line)
    except ValueError as error:
        raise _PairsError(f"{where} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise _PairsError(f'{where} is no object; write {{"a": text, "b": text, "same": true or false}}')
    for name in ("a", "b"):
        if not isinstance(found.get(name), str):
            raise _PairsError(f'{where}: "{name}" is not a text')
    if found.get("same") not in (True, False):  # 0 and 1 are
        raise _PairsError(f'{where}: "same" is neither true nor false')
    return Pair(a=found["a"], b=found["b"], same=bool(found["same"]))
