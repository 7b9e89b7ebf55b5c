"""Whether the bound holds: 20 seeds of 20,000 requests whose second half is harder than the curve says.

    python -m benchmarks.cache.bound

A candidate's probability of being wrong is drawn from what the curve said of 20,212 question pairs, about: most are
far, few are sure. In the second half the odds of being wrong are `drift` times what the curve says.
"""

from __future__ import annotations

import random
from statistics import mean

from llmtrace.cache.bound import Bound

REQUESTS = 20_000
SEEDS = 20
DELTA = 0.01


def one(seed: int, *, drift: float, verify_share: float) -> tuple[float, float, float]:
    """Wrong / all of the whole, the highest of any moment after the first 2,000, and hits / all."""
    draw = random.Random(seed)
    bound = Bound(DELTA)
    hits = wrong = 0
    highest = 0.0
    for number in range(REQUESTS):
        told = min(0.999, draw.betavariate(0.6, 1.2))
        odds = told / (1 - told) * (drift if number >= REQUESTS // 2 else 1)
        is_wrong = draw.random() < odds / (1 + odds)
        bound.ask()
        if bound.admits(told):
            if draw.random() < verify_share:
                bound.learn(told, is_wrong=is_wrong, share=verify_share)
                if is_wrong:
                    bound.give_back(told)
                    continue
            hits += 1
            wrong += is_wrong
        if number >= 2_000:
            highest = max(highest, wrong / (number + 1))
    return wrong / REQUESTS, highest, hits / REQUESTS


def main() -> None:
    print(f"delta {DELTA}, {SEEDS} seeds of {REQUESTS:,} requests; drift from the middle on")
    print("drift  verified  wrong/all mean  worst seed  worst moment  seeds over  hits/all")
    for drift in (1.0, 2.0, 4.0):
        for share in (0.0, 0.1, 0.2):
            found = [one(seed, drift=drift, verify_share=share) for seed in range(SEEDS)]
            ends = [end for end, _, _ in found]
            over = sum(end > DELTA for end in ends)
            moment, hits = max(high for _, high, _ in found), mean(hit for _, _, hit in found)
            print(f"{drift:5} {share:9} {mean(ends):15.4f} {max(ends):11.4f} {moment:13.4f} {over:11} {hits:9.3f}")


if __name__ == "__main__":
    main()
