"""Refusals from 3 % to 6 %: how often p < 0.01 sees it, and false alarms, by the number of calls.

python -m benchmarks.detectors.rates
"""

from __future__ import annotations

import numpy as np

from benchmarks.detectors.reporting import line, share
from llmtrace_collector.detectors.rates import compare, overdispersion

RUNS = 1000


def main() -> None:
    rng = np.random.default_rng(1)
    for calls, known in ((100, "0.17"), (200, "0.38"), (500, "0.72"), (1000, "0.94")):
        flagged = {}
        for rate in (0.03, 0.06):
            counts = rng.binomial(calls, rate, RUNS).tolist()
            references = rng.binomial(5000, 0.03, RUNS).tolist()
            found = [
                compare(events, calls, reference_events=reference, reference_calls=5000).p_value < 0.01
                for events, reference in zip(counts, references, strict=True)
            ]
            flagged[rate] = sum(found)
        least = compare(round(0.03 * calls), calls, reference_events=150, reference_calls=5000).detectable
        line(f"N = {calls}: 3 % -> 6 % is flagged", share(flagged[0.06], RUNS), known)
        line("  false", share(flagged[0.03], RUNS), "0.01")
        line("  the least rate that is seen with power 0.8", f"{least:.1%}")
    for wobble in (0.0, 0.1, 0.2, 0.3):
        for calls in (500, 2000, 10_000):
            flagged_calm = sum(_is_flagged(seed, calls, wobble) for seed in range(RUNS))
            line(f"windows that differ by {wobble:.0%}, N = {calls}: false", share(flagged_calm, RUNS), "", "0.01")


def _is_flagged(seed: int, calls: int, wobble: float) -> bool:
    """Whether a window is flagged against 20 windows of 500 calls, all of 3 % but for a log-normal wobble."""
    rng = np.random.default_rng(seed)
    before = rng.binomial(500, 0.03 * np.exp(wobble * rng.standard_normal(20))).tolist()
    events = int(rng.binomial(calls, 0.03 * float(np.exp(wobble * rng.standard_normal()))))
    found = compare(
        events,
        calls,
        reference_events=sum(before),
        reference_calls=20 * 500,
        overdispersion=overdispersion(before, [500] * 20),
    )
    return found.p_value < 0.01


if __name__ == "__main__":
    main()
