"""Drift of texts: how often 10 % of foreign texts are found, at 1 % false positives, without a model.

    python -m benchmarks.detectors.texts

Texts are docstrings: those of Python's standard library are the reference (2,000) and what follows, those of numpy and
scipy are foreign. Windows of N texts are drawn anew each time from texts that are not in the reference; ARL0 = 100 N
is at most 1 % of windows with a false alarm.
"""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

import numpy as np

from benchmarks.detectors.reporting import line, share
from llmtrace_collector.detectors.texts import TextDrift, exceedance

REFERENCE = 2000
RUNS = 100


def main() -> None:
    paths = sysconfig.get_paths()
    own = _docstrings(Path(paths["stdlib"]), ("site-packages", "test", "idlelib"))
    foreign = _docstrings(Path(paths["purelib"]) / "numpy") + _docstrings(Path(paths["purelib"]) / "scipy")
    rng = np.random.default_rng(1)
    print(f"{len(own)} texts and {len(foreign)} foreign ones")
    for size, known, goal in ((500, "-", "0.99"), (1000, "0.90-0.98", "0.95")):
        found = false = 0
        for _ in range(RUNS):
            order = rng.permutation(len(own))
            reference = [own[index] for index in order[:REFERENCE]]
            rest = [own[index] for index in rng.choice(order[REFERENCE:], 2 * size)]
            mixed = [foreign[int(rng.integers(len(foreign)))] if rng.random() < 0.1 else text for text in rest[:size]]
            false += _alarms(reference, rest[size:], size)
            found += _alarms(reference, mixed, size)
        line(f"10 % foreign, N = {size}: found", share(found, RUNS), known, goal)
        line("  false", share(false, RUNS), "0.01", "0.01")
    order = rng.permutation(len(own))
    reference = [own[index] for index in order[:REFERENCE]]
    same = [own[index] for index in order[REFERENCE : REFERENCE + 500]]
    line("kNN exceedance of 95 %, N = 500: of the same kind", f"{exceedance(reference, same):.3f}", "0.05")
    line("  of foreign texts", f"{exceedance(reference, foreign[:500]):.3f}")


def _alarms(reference: list[str], window: list[str], size: int) -> bool:
    detector = TextDrift(reference, arl0=100.0 * size)
    return any(detector.update(text).alarm for text in window)


def _docstrings(folder: Path, without: tuple[str, ...] = ()) -> list[str]:
    found: list[str] = []
    for path in sorted(folder.rglob("*.py")):
        if any(part in without or part == "tests" for part in path.relative_to(folder).parts):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        kinds = (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)
        texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]
        found += [text[:600] for text in texts if len(text.split()) >= 12]
    return found


if __name__ == "__main__":
    main()
