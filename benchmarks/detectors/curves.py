"""The curves of docs/reference/detectors.md, simulated and drawn as SVG.

    python -m benchmarks.detectors.curves

Left: values until a shift is found, ARL0 = 1e4, by its size in standard deviations of normal scores, median of 400
streams that change after 500 values (`bets`, `sequential`; an exact reference). Right: how often a window of N values
that is shifted by as much is flagged by `batches`, reference 5,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.detectors.budgets import delays
from llmtrace_collector.detectors.batches import compare

OUT = Path(__file__).resolve().parents[2] / "docs" / "reference" / "detectors.svg"
SHIFTS = (0.1, 0.15, 0.2, 0.3, 0.45, 0.65, 1.0)
WIDTH, HEIGHT, EDGE = 340, 220, 46
COLOURS = ("#1f77b4", "#d95f02", "#1b7f5c", "#7b3294")

Curve = tuple[str, Sequence[float]]


def main() -> None:
    rng = np.random.default_rng(1)
    waits = [("", [float(np.median(delays(rng, 1e4, shift, streams=400, steps=5000))) for shift in SHIFTS])]
    power = [(f"N = {size}", [_power(rng, size, shift) for shift in SHIFTS]) for size in (50, 200, 500, 1000)]
    for name, values in (*waits, *power):
        print(name or "values until found", [round(value, 3) for value in values])
    left = _panel(0, "values until found (ARL0 10,000)", waits, (10.0, 100.0, 1000.0), is_log=True)
    right = _panel(WIDTH + EDGE, "share of windows flagged", power, (0.0, 0.25, 0.5, 0.75, 1.0), is_log=False)
    size = f'width="{2 * (WIDTH + EDGE) + 70}" height="{HEIGHT + 2 * EDGE}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
    OUT.write_text("\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *left, *right, "</svg>"]) + "\n")
    print(f"written to {OUT.relative_to(OUT.parents[2])}")


def _power(rng: np.random.Generator, size: int, shift: float, runs: int = 60) -> float:
    flagged = 0
    for _ in range(runs):
        flagged += compare(rng.standard_normal(5000), rng.standard_normal(size) + shift).drift
    return flagged / runs


def _panel(left: float, title: str, curves: Sequence[Curve], ticks: Sequence[float], *, is_log: bool) -> list[str]:
    origin = left + EDGE

    def across(shift: float) -> float:
        return origin + WIDTH * float(np.log(shift / SHIFTS[0]) / np.log(SHIFTS[-1] / SHIFTS[0]))

    def up(value: float) -> float:
        low, high = (np.log(ticks[0]), np.log(ticks[-1])) if is_log else (ticks[0], ticks[-1])
        place = (np.log(max(value, ticks[0])) if is_log else value) - low
        return float(EDGE + HEIGHT * (1 - place / (high - low)))

    parts = [f'<text x="{origin}" y="{EDGE - 16}" font-size="13">{title}</text>']
    for tick in ticks:
        height = up(tick)
        parts += [
            f'<line x1="{origin}" x2="{origin + WIDTH}" y1="{height:.1f}" y2="{height:.1f}" stroke="#ddd"/>',
            f'<text x="{origin - 6}" y="{height + 4:.1f}" text-anchor="end">{tick:g}</text>',
        ]
    foot = EDGE + HEIGHT + 16
    parts += [f'<text x="{across(shift):.1f}" y="{foot}" text-anchor="middle">{shift:g}</text>' for shift in SHIFTS]
    below = f'x="{origin + WIDTH / 2:.0f}" y="{foot + 18}" text-anchor="middle"'
    parts.append(f"<text {below}>shift, standard deviations</text>")
    for colour, (name, values) in zip(COLOURS, curves, strict=False):
        points = " ".join(f"{across(shift):.1f},{up(value):.1f}" for shift, value in zip(SHIFTS, values, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        middle = min(range(len(values)), key=lambda index: abs(values[index] - 0.6))
        place = f'x="{across(SHIFTS[middle]) + 6:.1f}" y="{up(values[middle]) + 14:.1f}"'
        parts.append(f'<text {place} fill="{colour}">{name}</text>')
    return parts


if __name__ == "__main__":
    main()
