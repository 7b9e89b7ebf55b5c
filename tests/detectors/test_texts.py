"""Drift of texts: foreign ones among many, found by words that come again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace_collector.detectors.recurrence import BLOCK, RECENT, Recurrence
from llmtrace_collector.detectors.texts import TextDrift, Vocabulary, terms_of

few = settings(max_examples=8)
seeds = st.integers(0, 10_000)


def texts(rng: np.random.Generator, count: int, *, foreign: float = 0.0) -> list[str]:
    """Thirty words of a shared language each; in a foreign one five are of a topic that the others do not know."""
    found = []
    for _ in range(count):
        words = [f"w{rank}" for rank in rng.zipf(1.3, 30) % 20_000]
        if rng.random() < foreign:
            words[:5] = [f"topic{rank}" for rank in rng.integers(0, 60, 5)]
        found.append(" ".join(words))
    return found


def first_alarm(seed: int, foreign: float, size: int) -> int | None:
    """The text at which the first alarm comes, at one false alarm in 100 windows of `size` texts."""
    rng = np.random.default_rng(seed)
    detector = TextDrift(texts(rng, 800), arl0=100.0 * size)
    told = [detector.update(text).alarm for text in texts(rng, size, foreign=foreign)]
    return told.index(True) if any(told) else None


def test_a_tenth_of_texts_with_some_words_of_another_topic_is_found_within_five_hundred() -> None:
    """In each of ten streams; and none of ten streams without them has an alarm."""
    assert all(first_alarm(seed, 0.1, 500) is not None for seed in range(10))
    assert all(first_alarm(seed, 0.0, 500) is None for seed in range(10))


def test_unknown_words_count_for_more_once_they_have_come_before() -> None:
    """A word that no reference text has is worth nothing the first time and more with every text that had it."""
    reference = [terms_of(f"a{index} b c") for index in range(30)]
    recurrence = Recurrence(reference, Vocabulary(reference).frequency)
    found = []
    for _ in range(4):
        found.append(recurrence.of({"new", "b"}))
        for _ in range(BLOCK):
            recurrence.take({"new"})
    assert found[0] == 0
    assert found == sorted(set(found))
    assert recurrence.of({"b", "c"}) == 0


def test_a_topic_that_went_away_is_forgotten() -> None:
    """After so many other texts nothing of it is left, neither in what counts nor in memory."""
    reference = [terms_of(f"a{index} b c") for index in range(30)]
    recurrence = Recurrence(reference, Vocabulary(reference).frequency)
    for _ in range(BLOCK):
        recurrence.take({"new", "a3"})
    assert recurrence.of({"new"}) > 0
    assert recurrence.own[3] > 0
    for _ in range(RECENT):
        recurrence.take({"b"})
    assert recurrence.of({"new"}) == 0
    assert recurrence.own == pytest.approx(np.zeros(30), abs=1e-9)
    assert not recurrence.counts


@few
@given(seeds, st.integers(1, 200))
def test_what_is_said_of_a_text_knows_nothing_of_later_ones(seed: int, length: int) -> None:
    """A stream cut short is told the same as far as it goes."""
    rng = np.random.default_rng(seed)
    reference, stream = texts(rng, 100), texts(rng, 200, foreign=0.2)
    whole, part = TextDrift(reference, arl0=1e4), TextDrift(reference, arl0=1e4)
    told = [whole.update(text) for text in stream]
    assert [part.update(text) for text in stream[:length]] == told[:length]


@pytest.mark.parametrize("size", [100, 400])
def test_a_small_reference_costs_power_and_not_false_alarms(size: int) -> None:
    """Thirty streams of 700 texts of the same kind, at an ARL0 of 10,000: two alarms are due, five are let pass."""
    alarms = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        detector = TextDrift(texts(rng, size), arl0=1e4)
        alarms += sum(detector.update(text).alarm for text in texts(rng, 700))
    assert alarms <= 5
