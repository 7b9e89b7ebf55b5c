"""Windows of numbers against a reference whose own windows differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace_collector.detectors import batches, wobble

EACH = 250


def wobbling(seed: int, size: int, level: float, *, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A reference of 20 windows and a further one, log-normal, each with a level of its own."""
    rng = np.random.default_rng(seed)
    levels = np.exp(level * rng.standard_normal(20)).repeat(EACH)
    reference = rng.lognormal(6, 0.8, levels.size) * levels
    return reference, rng.lognormal(6, 0.8, size) * factor * np.exp(level * rng.standard_normal())


@pytest.mark.parametrize("size", [200, 1000, 5000])
def test_windows_that_differ_by_five_percent_anyway_are_rarely_drift(size: int) -> None:
    """Of 200 windows at most 4 are flagged, where one in two hundred should be."""
    assert sum(batches.compare(*wobbling(seed, size, 0.05)).drift for seed in range(200)) <= 4


def test_a_shift_by_a_quarter_is_found_though_a_wobble_is_allowed_for() -> None:
    """Of 100 windows of 500 at least 90 are flagged."""
    assert sum(batches.compare(*wobbling(seed, 500, 0.0, factor=1.25)).drift for seed in range(100)) >= 90


def test_known_windows_say_more_than_even_parts() -> None:
    """Days of uneven length whose levels differ: told of them, the wobble is found; cut evenly, less of it."""
    rng = np.random.default_rng(4)
    sizes = [100 if day % 2 else 300 for day in range(24)]
    scores = np.concatenate([rng.normal(0.25 * rng.standard_normal(), 1, size) for size in sizes])
    assert 0.15**2 < wobble.learn(scores, sizes).expected < 0.4**2
    assert wobble.learn(scores, sizes).expected > wobble.learn(scores).expected


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(20, 600), st.floats(0, 0.5))
def test_what_is_known_of_the_wobble_is_a_law_and_rises_with_what_is_seen(seed: int, count: int, level: float) -> None:
    """Weights sum to one; windows that differ more never make a smaller expected wobble."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal(count)
    steps = np.repeat(rng.standard_normal(4), -(-count // 4))[:count]
    sizes = [int(np.sum(steps == step)) for step in dict.fromkeys(steps.tolist())]
    calm = scores - np.concatenate([[part.mean()] * part.size for part in np.split(scores, np.cumsum(sizes)[:-1])])
    found = wobble.learn(calm + level * steps, sizes)
    assert found.weights.sum() == pytest.approx(1)
    assert (found.weights >= 0).all()
    assert wobble.learn(calm + (level + 0.1) * steps, sizes).expected >= found.expected * (1 - 1e-9)


def test_windows_that_do_not_add_up_to_the_reference_are_refused_with_both_numbers() -> None:
    """One sentence with what was seen."""
    with pytest.raises(ValueError, match="windows of 90 values in all, but the reference has 100"):
        batches.compare(np.arange(100.0), np.arange(10.0), windows=[50, 40])
