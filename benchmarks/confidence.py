"""What calibration and thresholds are worth on simulated labels, and what fields, coverage and feedback cost.

python -m benchmarks.confidence

The model is overconfident: an answer of figure f is right with probability f ** 3, so the truth is known exactly.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
from opentelemetry.sdk._logs import LoggerProvider

import llmtrace
from llmtrace.confidence import Calibration, Thresholds, of_fields, reliability
from llmtrace.grounding import coverage

SEEDS = 200
POWER = 3


def main() -> None:
    """Prints one JSON object."""
    found = [_calibrated(labels) for labels in (50, 200, 1000, 5000)]
    print(json.dumps({"calibration": found, "time": _times()}, indent=2))


def _labels(count: int, seed: int) -> tuple[list[float], list[bool]]:
    random = np.random.default_rng(seed)
    figures = random.beta(4, 1, count)
    return figures.tolist(), (random.random(count) < figures**POWER).tolist()


def _calibrated(labels: int) -> dict[str, object]:
    grid = np.random.default_rng(10**6).beta(4, 1, 20_000)
    errors, told, proven, held = [], [], 0, 0
    shown = []
    for seed in range(SEEDS):
        figures, right = _labels(labels, seed)
        calibration = Calibration.fit(figures, right)
        if calibration.held_out is not None:
            said = np.array([calibration.probability(figure) for figure in grid[:2_000]], float)
            errors.append(float(np.abs(said - grid[:2_000] ** POWER).mean()))
            told.append(calibration.held_out.ece)
        thresholds = Thresholds.from_labels(figures, right, share_right=0.9)
        if thresholds.show_from is not None:
            proven += 1
            above = grid[grid >= thresholds.show_from]
            held += bool((above**POWER).mean() >= 0.9)
            shown.append(above.size / grid.size)
    raw = reliability(*_labels(20_000, 10**6)).ece
    return {
        "labels": labels,
        "raw_ece": round(raw, 3),
        "true_error_after": round(float(np.mean(errors)), 3) if errors else None,
        "held_out_ece_told": round(float(np.mean(told)), 3) if told else None,
        "thresholds_found": proven / SEEDS,
        "of_these_90_percent_right": round(held / proven, 3) if proven else None,
        "share_shown": round(float(np.mean(shown)), 3) if shown else 0.0,
    }


def _times() -> dict[str, float]:
    fields = {f"field_{place}": place for place in range(50)}
    written = json.dumps(fields)
    tokens = [{"token": written[at : at + 4], "logprob": -0.1} for at in range(0, len(written), 4)]
    answer = {"choices": [{"logprobs": {"content": tokens}}]}
    words = np.random.default_rng(0).choice([f"word{n}" for n in range(3_000)], 3_000)
    pages = [" ".join(words[at : at + 500]) + "." for at in range(0, 3_000, 500)]
    llmtrace.instrument(logger_provider=LoggerProvider(shutdown_on_exit=False), export="none")
    try:
        return {
            "of_fields_50_fields_ms": _ms(lambda: of_fields(answer)),
            "coverage_6_pages_answer_of_500_words_ms": _ms(lambda: coverage(pages[0], pages)),
            "feedback_on_the_callers_thread_ms": _ms(lambda: llmtrace.feedback("chatcmpl-1", score=1)),
        }
    finally:
        llmtrace.uninstrument()


def _ms(work: Callable[[], object], rounds: int = 200) -> float:
    """CPU milliseconds of one, the median."""
    taken = []
    for _ in range(rounds):
        began = time.thread_time_ns()
        work()
        taken.append((time.thread_time_ns() - began) / 1e6)
    return round(float(np.median(taken)), 4)


if __name__ == "__main__":
    main()
