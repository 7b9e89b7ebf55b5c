"""What an explanation costs on a store of a million spans, and how often it claims what is not, and misses what is.

    nice -n 10 python benchmarks/explanations.py cost --data FOLDER [--spans 1_000_000]
    nice -n 10 python benchmarks/explanations.py claims [--runs 1_000]

`cost` fills FOLDER by `benchmarks/store/generate.py` (once) and asks every kind of question over the last days, each
five times. `claims` simulates questions of tests/explain/simulated.py with and without a cause, seeds fixed; one has
calls that fail in bursts of a session, which the statistics take for independent.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from detectors.reporting import share
from store.generate import Shape, fill, store_at

from explain import simulated
from llmtrace_collector import database
from llmtrace_collector.explain import Question, Window, changes, explain, shares

MEASURES = ("errors", "latency", "unpriced", "cost", "tokens", "calls")
ATTRIBUTES = len(simulated.SIZES)


def cost(folder: Path, spans: int) -> None:
    """Seconds of wall clock of a question, its queries included."""
    with store_at(folder) as (client, _):
        there = fill(client, Shape(spans=spans, share=0.0), folder=folder, seconds=600, reserve_gb=2)
        last = client.query("SELECT max(timestamp) FROM spans").result_rows[0][0].replace(tzinfo=UTC)
        print(f"{there:,} spans; median of 5 and worst, seconds", flush=True)
        for hours, name in ((1, "an hour"), (24, "a day"), (24 * 7, "a week"), (24 * 14, "two weeks")):
            window = Window(start=last - timedelta(hours=hours), end=last + timedelta(seconds=1))
            for measure in MEASURES:
                _time(client, Question(measure=measure, window=window, reference=window.before), f"{name}: {measure}")


def _time(client: Any, question: Question, name: str) -> None:
    asked = 0

    def ask(sql: str, parameters: Any) -> list[dict[str, Any]]:
        nonlocal asked
        asked += 1
        return database.rows(client, sql, dict(parameters))

    times, found = [], None
    for _ in range(5):
        began = time.perf_counter()
        found = explain(ask, question)
        times.append(time.perf_counter() - began)
    assert found is not None
    looked = f"{found.sampled:.0%} of the calls" if found.sampled < 1 else "all calls"
    print(f"{name:<26} {statistics.median(times):6.2f} {max(times):6.2f}   {asked // 5} queries, {looked}", flush=True)


def claims(runs: int) -> None:
    """Shares of questions that claim something, or find the cause first, with 95 % intervals."""
    for rate, before in ((0.05, 0.05), (0.05, 0.01), (0.4, 0.1), (0.01, 0.0)):
        hits = _shares(runs, calls=2_000, rate=rate, before=before)[0]
        print(f"condition at {rate} (before {before}), no cause: claims {share(hits, runs)}", flush=True)
    for growth in (1.0, 1.5, 3.0):
        hits = _sums(runs, calls=2_000, growth=growth)[0]
        print(f"amount of {growth} times the calls, no cause: claims {share(hits, runs)}", flush=True)
    print(f"condition in bursts of 30 calls of a session: claims {share(_clustered(runs), runs)}", flush=True)
    few = max(100, runs // 5)
    for calls in (500, 1_000, 2_000, 4_000):
        found = [_shares(few, calls=calls, rate=0.02, before=0.02, lift=lift)[1] for lift in (2.0, 4.0, 8.0)]
        told = " / ".join(share(hits, few) for hits in found)
        print(f"a quarter of {calls} calls fails 2 / 4 / 8 times as often (2 %): found first {told}", flush=True)
        found = [_sums(few, calls=calls, growth=1.0, lift=lift)[1] for lift in (1.5, 2.0, 3.0)]
        told = " / ".join(share(hits, few) for hits in found)
        print(f"a quarter of {calls} calls costs 1.5 / 2 / 3 times as much: found first {told}", flush=True)


def _shares(runs: int, **shape: Any) -> tuple[int, int]:
    rng = np.random.default_rng(11)
    claimed = right = 0
    for _ in range(runs):
        rows, totals = simulated.shares(rng, **shape)
        found = shares.explain(rows, totals, attributes=ATTRIBUTES)
        claimed += bool(found)
        right += bool(found) and (found[0].attribute, found[0].value) == ("a2", "1")
    return claimed, right


def _sums(runs: int, **shape: Any) -> tuple[int, int]:
    rng = np.random.default_rng(12)
    claimed = right = 0
    for _ in range(runs):
        values, now, before = simulated.sums(rng, **shape)
        found = changes.explain(values, now, before, attributes=ATTRIBUTES)
        claimed += bool(found)
        right += bool(found) and (found[0].attribute, found[0].value) == ("a2", "1")
    return claimed, right


def _clustered(runs: int) -> int:
    """Ten bursts among 2,000 calls: a session of one user's fails as a whole; users are of attribute 6."""
    rng = np.random.default_rng(13)
    claimed = 0
    for _ in range(runs):
        values = simulated.draws(rng, 4_000)
        session = np.arange(4_000) // 30
        values[6] = values[6][session * 30]
        met = rng.permutation(4_000 // 30 + 1)[session] < 20
        now = np.arange(4_000) >= 2_000
        rows, totals = simulated.counted(values, now, met)
        claimed += bool(shares.explain(rows, totals, attributes=ATTRIBUTES))
    return claimed


def main() -> None:
    """One of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cost", "claims"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1_000)
    given = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}", flush=True)
    if given.what == "claims":
        claims(given.runs)
    elif given.data is None:
        parser.error("cost needs --data")
    else:
        cost(given.data, given.spans)


if __name__ == "__main__":
    main()
