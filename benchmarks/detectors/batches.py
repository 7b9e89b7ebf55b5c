"""Batch presets: false rate by window size, power, and the same under a wobble from window to window.

python -m benchmarks.detectors.batches
"""

from __future__ import annotations

import numpy as np

from benchmarks.detectors.reporting import line, share
from llmtrace_collector.detectors.batches import compare

REFERENCE = 5000


def main() -> None:
    for sigma in (0.6, 0.8):
        for size, runs in ((50, 2000), (200, 2000), (500, 1000), (5000, 300)):
            line(
                f"sigma {sigma}, N = {size}: false rate", share(_flags(sigma, size, 1.0, 0.0, runs), runs), "-", "0.001"
            )
        for factor in (1.1, 1.25):
            line(
                f"sigma {sigma}, N = 500: power at x{factor}",
                share(_flags(sigma, 500, factor, 0.0, 500), 500),
                "-",
                "0.99",
            )
    for size in (200, 1000):
        line(f"wobble 5 %, N = {size}: false rate", share(_flags(0.8, size, 1.0, 0.05, 500), 500), "0.46 (KS)", "0.001")


def _flags(sigma: float, size: int, factor: float, wobble: float, runs: int) -> int:
    flagged = 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        levels = np.exp(wobble * rng.standard_normal(REFERENCE // 250)).repeat(250)
        reference = rng.lognormal(6, sigma, REFERENCE) * levels
        window = rng.lognormal(6, sigma, size) * factor * float(np.exp(wobble * rng.standard_normal()))
        flagged += compare(reference, window).drift
    return flagged


if __name__ == "__main__":
    main()
