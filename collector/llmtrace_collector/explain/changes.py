"""Which values the change of a sum comes from, by more calls, longer calls or dearer tokens: pure functions.

A value is claimed when it grew, and grew more than everything else did (a store whose traffic doubles has no value that
explains it), both beyond chance and by LEAST_EFFECT of the change. A sum over calls that come by chance has the
variance of their squares (compound Poisson), so no law of their sizes is assumed, and heavy tails make it shy. p-values
are weighted and adjusted as in `shares`.

The change is split along amount = calls x tokens a call x amount a token with logarithmic means: the parts add up, and
no order of the factors is preferred (LMDI-I; Ang, Energy Policy 2005).
Assumes calls independent. Cost: a millisecond.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from llmtrace.shares import FALSE_CLAIMS, LEAST_CALLS, LEAST_EFFECT, adjusted

LEAST_CHANGE = 0.1
"""Of what was before: a smaller change is none to explain."""


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Sums over calls in the window or in a reference of the same length."""

    calls: float
    amount: float
    squares: float
    """Of the amounts, call by call."""
    input_tokens: float
    output_tokens: float

    @property
    def tokens(self) -> float:
        """In and out."""
        return self.input_tokens + self.output_tokens

    def scaled(self, factor: float) -> Sums:
        """As if the stretch were so many times as long; squares as befits the variance of the scaled sum."""
        every = {field.name: getattr(self, field.name) * factor for field in fields(self)}
        return Sums(**every | {"squares": self.squares * factor**2})


NOTHING = Sums(calls=0.0, amount=0.0, squares=0.0, input_tokens=0.0, output_tokens=0.0)


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value of an attribute, now and in the reference."""

    attribute: str
    value: str
    now: Sums
    before: Sums
    candidates: int
    """Values of the attribute in all."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Parts of a change, in the amount's unit; they add up to it."""

    calls: float
    """By more calls."""
    size: float
    """By more tokens a call."""
    price: float
    """By a larger amount a token: dearer tokens."""


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """A value that the change comes from."""

    attribute: str
    value: str
    now: Sums
    before: Sums
    part: float
    """Of the change: 1.0 is all of it; beyond 1.0 others fell."""
    part_before: float
    """Of the amount in the reference."""
    split: Split
    p_value: float
    """Adjusted for all candidates."""
    also: tuple[tuple[str, str], ...] = ()
    """Attributes and values of the very same calls."""

    @property
    def effect(self) -> float:
        """By how much more it contributes than its size would have it."""
        return self.part - self.part_before


def significant(now: Sums, before: Sums) -> bool:
    """Whether a sum rose, beyond chance and by LEAST_CHANGE; both of stretches of the same length."""
    rise = now.amount - before.amount
    noise = math.sqrt(now.squares + before.squares)
    return rise > LEAST_CHANGE * before.amount and float(stats.norm.sf(rise / noise if noise else math.inf)) < 0.01


def explain(
    values: Sequence[Value], now: Sums, before: Sums, *, attributes: int, money: bool = True
) -> list[Contribution]:
    """The values that a rise comes from, largest part first; of the same calls one contribution.

    Args:
        values: Sums by value, of stretches of the same length (`Sums.scaled`).
        now: Sums of all calls.
        before: The same in the reference.
        attributes: How many attributes were looked at.
        money: The amount is one of dollars, which has a price by token.
    """
    rise = now.amount - before.amount
    if not values or not significant(now, before):
        return []
    amounts, squares = _columns(values, "amount"), _columns(values, "squares")
    p_values = np.maximum(_grew(amounts, squares), _grew_more(amounts, squares, now, before))
    penalties = np.array([value.candidates for value in values]) * max(attributes, 1)
    found: dict[tuple[float, ...], Contribution] = {}
    levels = adjusted(p_values * penalties)
    part = (amounts[0] - amounts[1]) / rise
    part_before = amounts[1] / before.amount if before.amount else np.zeros(len(values))
    for index in np.argsort(part_before - part, kind="stable"):
        one = values[index]
        effect = part[index] - part_before[index]
        if levels[index] > FALSE_CLAIMS or effect < LEAST_EFFECT or one.now.calls < LEAST_CALLS:
            continue
        same = (one.now.calls, one.now.amount, one.before.calls, one.before.amount)
        first = found.get(same)
        also = (*first.also, (one.attribute, one.value)) if first else ()
        found[same] = Contribution(
            attribute=first.attribute if first else one.attribute,
            value=first.value if first else one.value,
            now=one.now,
            before=one.before,
            part=float(part[index]),
            part_before=float(part_before[index]),
            split=split(one.now, one.before, money=money),
            p_value=float(levels[index]),
            also=also,
        )
    return list(found.values())


def split(now: Sums, before: Sums, *, money: bool = True) -> Split:
    """The parts of the change by calls, by tokens a call and, of money, by amount a token.

    Where one side has no calls, all is by calls; without tokens, what is not by calls is by price.
    """
    change = now.amount - before.amount
    if min(now.calls, before.calls, now.amount, before.amount) <= 0:
        return Split(calls=change, size=0.0, price=0.0)
    even = math.isclose(now.amount, before.amount)
    mean = now.amount if even else change / math.log(now.amount / before.amount)
    by_calls = mean * math.log(now.calls / before.calls)
    if not money:
        return Split(calls=by_calls, size=change - by_calls, price=0.0)
    if min(now.tokens, before.tokens) <= 0:
        return Split(calls=by_calls, size=0.0, price=change - by_calls)
    by_size = mean * math.log((now.tokens / now.calls) / (before.tokens / before.calls))
    return Split(calls=by_calls, size=by_size, price=change - by_calls - by_size)


def _columns(values: Sequence[Value], name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Now and before, of every value."""
    now = np.array([getattr(value.now, name) for value in values], dtype=np.float64)
    return now, np.array([getattr(value.before, name) for value in values], dtype=np.float64)


_Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


def _grew(amounts: _Pair, squares: _Pair) -> NDArray[np.float64]:
    return _tail(amounts[0] - amounts[1], squares[0] + squares[1])


def _grew_more(amounts: _Pair, squares: _Pair, now: Sums, before: Sums) -> NDArray[np.float64]:
    """Against the growth of all that has another value; where there was nothing else before, against none."""
    rest_now, rest_before = np.maximum(now.amount - amounts[0], 0.0), np.maximum(before.amount - amounts[1], 0.0)
    others = rest_before > 1e-9 * max(before.amount, 1e-300)
    safe = np.where(others, rest_before, 1.0)
    growth = np.where(others, rest_now / safe, 1.0)
    noise_now = np.maximum(now.squares - squares[0], 0.0)
    noise_before = np.maximum(before.squares - squares[1], 0.0)
    doubt = np.where(others, (noise_now + growth**2 * noise_before) / safe**2, 0.0)
    variance = squares[0] + growth**2 * squares[1] + amounts[1] ** 2 * doubt
    return _tail(amounts[0] - growth * amounts[1], variance)


def _tail(rise: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    z = rise / np.sqrt(np.maximum(variance, 1e-300))
    p_values: NDArray[np.float64] = stats.norm.sf(np.where(rise > 0, z, -np.inf))
    return p_values
