"""How well a policy fitted to graded calls routes: public sets if there are any, else prompts made by seed.

    python benchmarks/router.py [--routellm FOLDER] [--calls 1000] [--draws 3]

`FOLDER` is a checkout of https://github.com/lm-sys/RouteLLM (Apache-2.0): its MMLU, GSM8K and MT-bench answers of
Mixtral-8x7B and GPT-4 are read, so many calls are drawn, and what is not drawn is held out (of MT-bench, which has 160,
a fifth). Costs are of the list prices of that time, tokens are told from lengths.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from llmtrace.calls import Server
from llmtrace.chain import Asked, Reply, Step, chained, run
from llmtrace.operations import operation_of
from llmtrace.router import Cheapest, Fallback, Policy, Router, Target
from llmtrace.router.learning import Example, Graded, counted, fit
from llmtrace.router.measuring import Score, Scored, apgr, cpt, curve, learned_scores, with_thresholds
from llmtrace.router.predicting import Fitted

WEAK, STRONG = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
WEAK_USD, STRONG_USD = (0.24, 0.24), (10.0, 30.0)
"""Per million tokens, input and output, of December 2023."""
MOST_HELD_OUT = 4000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--routellm", type=Path, help="a checkout of lm-sys/RouteLLM")
    parser.add_argument("--calls", type=int, default=1000, help="graded calls to fit to")
    parser.add_argument("--draws", type=int, default=3, help="how often they are drawn")
    given = parser.parse_args()
    csv.field_size_limit(sys.maxsize)
    sets: dict[str, Callable[[], list[Graded]]] = {"made": made}
    if given.routellm is not None:
        evals = given.routellm / "routellm" / "evals"
        sets |= {"mmlu": lambda: mmlu(evals), "gsm8k": lambda: gsm8k(evals), "mt-bench": lambda: mt_bench(evals)}
    targets = (Target(model="gpt-4o", quality=0.9), Target(model="gpt-4o-mini", quality=0.8))
    print(f"attempts wasted on a dead primary in 60 s: {dead_primary(11)} of 11 calls, {dead_primary(600)} of 600")
    for policy in (Fallback(targets=targets), Cheapest(targets=targets, floor=0.7)):
        print(f"{type(policy).__name__.lower()}: {added_us(policy):.0f} us more a call")
    print("set        calls  held out  APGR (each draw)          length  CPT50  CPT80  cut, kept at 95 %  fit s")
    for name, read in sets.items():
        report(name, counted(read()), given.calls, given.draws)


class Dead(Exception):  # noqa: N818  as a client would call it
    """The provider's 503."""

    status_code = 503


def dead_primary(calls: int) -> int:
    """Attempts wasted on a dead primary by so many calls, one after another, in 60 s of a clock of our own."""
    now, wasted = 0.0, 0
    router = Router(Fallback(targets=(Target(model="primary"), Target(model="other"))), clock=lambda: now)

    def send(asked: Asked) -> Reply:
        nonlocal wasted
        if asked.model == "primary":
            wasted += 1 if asked.max_retries == 0 else 3  # the client's own two retries
            raise Dead
        return Reply(body=b"{}")

    chain = chained([router], lambda *_: None)
    for _ in range(calls):
        run(chain, _asked(), send)
        now += 60 / calls
    return wasted


def added_us(policy: Policy) -> float:
    """Microseconds of CPU time a call takes longer on the caller's thread, the provider answering at once."""
    router = Router(policy)
    router.prepare(None)
    steps: tuple[list[Step], ...] = ([], [router])
    times = []
    for own in steps:
        chain = chained(own, lambda *_: None)
        run(chain, _asked(), lambda _: Reply(body=b"{}"))
        began = time.process_time()
        for _ in range(5000):
            run(chain, _asked(), lambda _: Reply(body=b"{}"))
        times.append(time.process_time() - began)
    return (times[1] - times[0]) / 5000 * 1e6


def _asked() -> Asked:
    operation = operation_of("post", "/chat/completions")
    server = Server(provider="openai", price_provider="openai", address="api.openai.com", port=443)
    messages = [{"role": "user", "content": "what is the capital of the river? " * 8}]
    body = {"model": "primary", "messages": messages}
    return Asked(operation=operation, server=server, path="/chat/completions", body=body)


def report(name: str, examples: list[Example], calls: int, draws: int) -> None:
    """A line for a set."""
    found = []
    for seed in range(draws):
        order = np.random.default_rng(seed).permutation(len(examples))
        size = min(calls, len(examples) * 4 // 5)
        train = [examples[place] for place in order[:size]]
        held_out = [examples[place] for place in order[size : size + MOST_HELD_OUT]]
        began = time.process_time()
        fitted = fit(train, seed=seed)
        fit_s = time.process_time() - began
        own = _scored(held_out, _both(fitted))
        line = dict(with_thresholds(fitted, learned_scores(train, folds=10, seed=seed)).thresholds)[0.95]
        length = _scored(held_out, lambda prompt: (prompt.characters, prompt.characters))
        found.append((apgr(curve(own)), apgr(curve(length)), cpt(curve(own), 0.5), cpt(curve(own), 0.8), fit_s))
        cut, kept = _at(own, line)
        found[-1] += (cut, kept)
    means = [
        statistics.fmean(float(value) for value in column if value is not None) for column in zip(*found, strict=True)
    ]
    each = " ".join(f"{row[0]:.3f}" for row in found)
    print(
        f"{name:<10} {size:>5}  {len(held_out):>8}  {means[0]:.3f} ({each})  {means[1]:>6.3f}  {means[2]:.3f}  "
        f"{means[3]:.3f}  {means[5]:>8.3f}, {means[6]:.3f}  {means[4]:>10.2f}"
    )


def _both(fitted: Fitted) -> Score:
    return lambda prompt: (fitted.gain(prompt), fitted.worth(prompt))


def _at(scored: Scored, line: float) -> tuple[float, float]:
    strong = scored.worths > line
    cost = np.where(strong, scored.strong_cost, scored.weak_cost).sum()
    quality = np.where(strong, scored.strong, scored.weak).sum()
    return float(1 - cost / scored.strong_cost.sum()), float(quality / scored.strong.sum())


def _scored(examples: list[Example], score: Score) -> Scored:
    scores = np.array([score(example.prompt) for example in examples])
    graded = [example.graded for example in examples]
    columns = np.array([(call.weak, call.strong, call.weak_cost, call.strong_cost) for call in graded]).T
    return Scored(
        scores=scores[:, 0],
        worths=scores[:, 1],
        folds=np.zeros(len(examples), dtype=np.int64),
        weak=columns[0],
        strong=columns[1],
        weak_cost=columns[2],
        strong_cost=columns[3],
    )


def _graded(prompt: str, weak: float, strong: float, weak_tokens: float, strong_tokens: float) -> Graded:
    tokens = len(prompt) / 4
    return Graded(
        prompt=prompt,
        weak=weak,
        strong=strong,
        weak_cost=(tokens * WEAK_USD[0] + weak_tokens * WEAK_USD[1]) / 1e6,
        strong_cost=(tokens * STRONG_USD[0] + strong_tokens * STRONG_USD[1]) / 1e6,
    )


def mmlu(evals: Path) -> list[Graded]:
    return [
        _graded(row["prompt"], row[WEAK] == "True", row[STRONG] == "True", 1, 1)
        for file in sorted((evals / "mmlu" / "responses").glob("*.csv"))
        for row in _rows(file)
    ]


def gsm8k(evals: Path) -> list[Graded]:
    return [
        _graded(
            row["prompt"],
            row[WEAK] == "True",
            row[STRONG] == "True",
            len(row[f"{WEAK}_response"]) / 4,
            len(row[f"{STRONG}_response"]) / 4,
        )
        for row in _rows(evals / "gsm8k" / "gsm8k_responses.csv")
    ]


def mt_bench(evals: Path) -> list[Graded]:
    folder = evals / "mt_bench"
    turns = {row["question_id"]: row["turns"] for row in map(json.loads, (folder / "question.jsonl").open())}
    scores: dict[tuple[int, int], dict[str, float]] = {}
    for row in map(json.loads, (folder / "judgements.jsonl").open()):
        scores.setdefault((row["question_id"], row["turn"]), {})[row["model"]] = row["score"] / 10
    return [
        _graded("\n".join(turns[question][:turn]), given[WEAK], given[STRONG], 300, 300)
        for (question, turn), given in sorted(scores.items())
        if WEAK in given and STRONG in given and question in turns
    ]


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


TOPICS = {
    "what is the capital of {}": (0.97, 0.98),
    "translate '{}' into French": (0.9, 0.96),
    "how many letters has the word {}": (0.55, 0.8),
    "write a haiku about {}": (0.85, 0.9),
    "prove that the sum of {} is even": (0.2, 0.75),
    "what is {} times {} plus {}": (0.6, 0.92),
    "find the bug in this loop: for {} in range({}): {} += 1": (0.5, 0.85),
    "summarise in one line: {} {} {} {}": (0.92, 0.95),
}
WORDS = [
    "river",
    "stone",
    "seven",
    "table",
    "eleven",
    "orange",
    "window",
    "forty",
    "yellow",
    "garden",
    "nine",
    "silver",
    "engine",
    "letter",
    "three",
]


def made() -> list[Graded]:
    """Prompts of eight kinds, each with the chance that either model is right."""
    rng = random.Random(7)
    calls = []
    for _ in range(5000):
        kind, (weak, strong) = rng.choice(list(TOPICS.items()))
        prompt = kind.format(*(rng.choice(WORDS) for _ in range(kind.count("{}"))))
        calls.append(_graded(prompt, rng.random() < weak, rng.random() < strong, 100, 100))
    return calls


if __name__ == "__main__":
    main()
