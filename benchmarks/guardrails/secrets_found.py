"""Secrets: recall on made tokens of 42 types, and false hits on documents that have none.

    python -m benchmarks.guardrails.secrets_found [--clean FOLDER ...] [--documents 1500]

Clean documents are pieces of documentation and source, by default of this repository and of the packages installed
beside it, one file each and at most 4,000 characters; tests and examples of secrets stay in.
"""

from __future__ import annotations

import argparse
import random
import sysconfig
import time
from collections import Counter
from pathlib import Path

from benchmarks.guardrails.secret_samples import TYPES, samples
from llmtrace.guardrails import Secrets, Stage, Subject

ENDS = {".md", ".rst", ".txt", ".py", ".toml", ".json", ".yaml", ".yml"}
ROOT = Path(__file__).parents[2]


def clean(folders: list[Path], count: int, seed: int) -> list[tuple[Path, str]]:
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in ENDS and path.is_file())
    files = [path for path in files if ".git/" not in str(path) and "guardrail" not in str(path)]
    random.Random(seed).shuffle(files)
    found = []
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        if len(text) > 200:
            found.append((path, text[:4_000]))
        if len(found) == count:
            break
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clean", type=Path, nargs="*")
    parser.add_argument("--documents", type=int, default=1500)
    parser.add_argument("--each", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true")
    given = parser.parse_args()
    guard = Secrets()
    found: Counter[str] = Counter()
    made = list(samples(given.seed, given.each))
    for name, text in made:
        hit = guard.check(Subject(text=text, stage=Stage.INPUT)).flagged
        found[name] += hit
        if given.show and not hit:
            print("missed", name, text[:200])
    weak = {name: found[name] / given.each for name in TYPES if found[name] < given.each}
    print(f"recall {sum(found.values()) / len(made):.4f} on {len(made):,} of {len(TYPES)} types; below 1: {weak}")
    folders = given.clean or [ROOT / "docs", ROOT / "llmtrace", ROOT / "tests", Path(sysconfig.get_path("purelib"))]
    documents = clean(folders, given.documents, given.seed)
    hits, began = [], time.perf_counter()
    for path, text in documents:
        opinion = guard.check(Subject(text=text, stage=Stage.INPUT))
        hits += [(path, place.category, text[place.start : place.end]) for place in opinion.found]
    spent = (time.perf_counter() - began) * 1000 / max(1, len(documents))
    print(f"{len(hits)} false hits on {len(documents):,} clean documents, {spent:.3f} ms each (4,000 characters)")
    if given.show:
        for path, category, text in hits:
            print("false", category, repr(text[:80]), path)


if __name__ == "__main__":
    main()
