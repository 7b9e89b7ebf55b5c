"""Simulated calls, without a store: counts and sums by value of many attributes, with or without a cause."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from llmtrace.shares import Share, Totals
from llmtrace_collector.explain.changes import Sums, Value

SIZES = (2, 3, 3, 5, 8, 20, 100, 1_000)
"""Values by attribute, of Zipf's law."""


def draws(rng: Generator, calls: int) -> list[np.ndarray]:
    """The value of each call, by attribute."""
    found = []
    for size in SIZES:
        weights = 1 / np.arange(1, size + 1)
        found.append(rng.choice(size, calls, p=weights / weights.sum()))
    return found


def shares(rng: Generator, *, calls: int, rate: float, before: float, lift: float = 1.0) -> tuple[list[Share], Totals]:
    """Calls of a window that meet a condition at `rate`, and as many of a reference at `before`.

    Value 1 of attribute 2 has `lift` times the rate in the window.
    """
    values = draws(rng, 2 * calls)
    now = np.arange(2 * calls) >= calls
    chance = np.where(now, rate, before) * np.where(now & (values[2] == 1), lift, 1.0)
    met = rng.random(2 * calls) < chance
    return counted(values, now, met)


def counted(values: list[np.ndarray], now: np.ndarray, met: np.ndarray) -> tuple[list[Share], Totals]:
    """Counts by value, as a query answers them: what each call has, whether it is of the window, whether it is met."""
    masks = (now & met, now & ~met, ~now & met)
    rows = []
    for number, size in enumerate(SIZES):
        counts = [np.bincount(values[number][mask], minlength=size).tolist() for mask in masks]
        rows += [
            Share(attribute=f"a{number}", value=str(value), met=one, rest=two, met_before=three, candidates=size)
            for value, (one, two, three) in enumerate(zip(*counts, strict=True))
        ]
    met_now, rest, met_before = (int(mask.sum()) for mask in masks)
    calls, calls_before = int(now.sum()), int((~now).sum())
    return rows, Totals(met=met_now, rest=rest, met_before=met_before, calls=calls, calls_before=calls_before)


def sums(rng: Generator, *, calls: int, growth: float, lift: float = 1.0) -> tuple[list[Value], Sums, Sums]:
    """Costs of a window and of a reference with `calls`; the window has `growth` times as many.

    Calls of value 1 of attribute 2 cost `lift` times as much in the window.
    """
    many = round(calls * growth)
    values = draws(rng, calls + many)
    now = np.arange(calls + many) >= calls
    amounts = rng.lognormal(0.0, 1.0, calls + many) * np.where(now & (values[2] == 1), lift, 1.0)
    found = [
        Value(
            attribute=f"a{number}",
            value=str(value),
            now=_sums(amounts[now & (values[number] == value)]),
            before=_sums(amounts[~now & (values[number] == value)]),
            candidates=size,
        )
        for number, size in enumerate(SIZES)
        for value in _largest(values[number], amounts, size)
    ]
    return found, _sums(amounts[now]), _sums(amounts[~now])


def _largest(values: np.ndarray, amounts: np.ndarray, size: int) -> Iterator[int]:
    """The values with the largest sums, as many as a query returns."""
    yield from np.argsort(-np.bincount(values, amounts, minlength=size))[:50].tolist()


def _sums(amounts: np.ndarray) -> Sums:
    return Sums(
        calls=float(amounts.size),
        amount=float(amounts.sum()),
        squares=float((amounts**2).sum()),
        input_tokens=float(amounts.size * 100),
        output_tokens=0.0,
    )
