"""A data set on the disk.

DIR/
  train.jsonl        one example a line, in the trainer's form
  test.jsonl         the held-out sessions
  provenance.jsonl   for each line of the two: which call it comes from, and what was said of it
  manifest.json      what was asked, what each gate turned away, tokens, hashes of the files; written last
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.finetune.formats import Line
from llmtrace_collector.finetune.gates import is_held_out, question


@dataclass(frozen=True, kw_only=True)
class Split:
    """Lines for training and for testing."""

    train: list[Line]
    test: list[Line]
    left_out: Counter[str]


def split(found: Iterable[Line | str], *, share: float, seed: int) -> Split:
    """By session; a question that is trained on tests nothing, so it is left out of the held-out ones."""
    made = Split(train=[], test=[], left_out=Counter())
    for each in found:
        if isinstance(each, str):
            made.left_out[each] += 1
        else:
            (made.test if is_held_out(each.origin, share, seed) else made.train).append(each)
    trained = {question(each.origin) for each in made.train}
    tested = [each for each in made.test if question(each.origin) not in trained]
    if dropped := len(made.test) - len(tested):
        made.left_out["question_in_training"] += dropped
    return Split(train=made.train, test=tested, left_out=made.left_out)


def write(folder: Path, made: Split, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The files; what the manifest says.

    Raises:
        ConfigError: the folder has something in it, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty: name a new folder with --out")
        parts = {"train": made.train, "test": made.test}
        for name, found in parts.items():
            _lines(folder / f"{name}.jsonl", [each.content for each in found])
        origins = [_origin(name, number, each) for name in parts for number, each in enumerate(parts[name], 1)]
        _lines(folder / "provenance.jsonl", origins)
        told = {**manifest, **{name: _figures(found, folder / f"{name}.jsonl") for name, found in parts.items()}}
        (folder / "manifest.json").write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from error
    return told


def _lines(path: Path, found: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for each in found:
            file.write(json.dumps(each, ensure_ascii=False) + "\n")


def _origin(part: str, number: int, line: Line) -> dict[str, Any]:
    """Without content: users and sessions are not named either."""
    of = line.origin
    told: dict[str, Any] = {
        "file": part,
        "line": number,
        "project": of.project,
        "trace_id": of.trace_id,
        "span_id": of.span_id,
        "timestamp": of.at.isoformat(),
        "model": of.model,
        "feedback": of.feedback,
        "scores": dict(of.scores),
        "corrected": bool(of.corrected),
    }
    if (other := line.other) is not None:
        told["worse"] = {"trace_id": other.trace_id, "span_id": other.span_id, "feedback": other.feedback}
    return told


def _figures(found: Sequence[Line], path: Path) -> dict[str, Any]:
    tokens = sorted((each.origin.input_tokens or 0) + (each.origin.output_tokens or 0) for each in found)
    # A correction's tokens were never counted; a quarter of its characters is near enough for a quote.
    corrected = sum(len(each.origin.corrected) // 4 for each in found if each.origin.corrected)
    return {
        "examples": len(found),
        "sessions": len({each.origin.family for each in found}),
        "corrected": sum(bool(each.origin.corrected) for each in found),
        "tokens": {
            "sum": sum(tokens),
            "median": tokens[len(tokens) // 2] if tokens else 0,
            "p95": tokens[int(len(tokens) * 0.95)] if tokens else 0,
            "max": tokens[-1] if tokens else 0,
            "of": "the call, as its provider reported them",
            "corrections_estimated": corrected,
        },
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
