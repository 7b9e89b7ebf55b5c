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
        for size, runs in ((50, 4000), (200, 4000), (500, 2000), (5000, 1000)):
            line(
                f"sigma {sigma}, N = {size}: false rate", share(_flags(sigma, size, 1.0, 0.0, runs), runs), "-", "0.001"
            )
        for factor in (1.1, 1.25):
            line(
                f"sigma {sigma}, N = 500: power at x{factor}",
                share(_flags(sigma, 500, factor, 0.0, 2000), 2000),
                "-",
                "0.99",
            )
    for size, runs in ((50, 2000), (200, 2000), (500, 4000), (1000, 4000), (5000, 2000)):
        for wobble in (0.05, 0.1):
            found = share(_flags(0.8, size, 1.0, wobble, runs), runs)
            line(f"wobble {wobble:.0%}, N = {size}: false rate", found, "0.46 (KS)", "0.005")
    for of in (100, 1000):
        found = share(_flags(0.8, 1000, 1.0, 0.05, 2000, of=of), 2000)
        line(f"wobble 5 % between windows of {of} that are told of, N = 1000: false rate", found, "", "0.005")


def _flags(sigma: float, size: int, factor: float, wobble: float, runs: int, *, of: int = 0) -> int:
    """How many of `runs` windows are flagged.

    Args:
        sigma: of the logarithm.
        size: values of a window.
        factor: what those of the window are multiplied by.
        wobble: standard deviation of the windows' log levels.
        runs: how many.
        of: values of the reference's windows, of which the detector is told; 0: 250, and it is not.
    """
    flagged, each = 0, of or 250
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        levels = np.exp(wobble * rng.standard_normal(REFERENCE // each)).repeat(each)
        reference = rng.lognormal(6, sigma, REFERENCE) * levels
        window = rng.lognormal(6, sigma, size) * factor * float(np.exp(wobble * rng.standard_normal()))
        flagged += compare(reference, window, windows=[each] * (REFERENCE // each) if of else None).drift
    return flagged


if __name__ == "__main__":
    main()
