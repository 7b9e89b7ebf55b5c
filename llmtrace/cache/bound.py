"""Holds the share of wrong answers among all requests under a limit the user states.

A curve, fitted on labelled pairs, says of each candidate how likely its answer is wrong. The budget is `delta` times
the requests so far. A candidate's answer is given if its price fits into what is left, where the price is

    probability of being wrong  x  a factor that says how wrong the curve has been

The factor is an upper confidence limit for (wrong answers found) / (wrong answers the curve expected) among verified
ones: Gamma limits of a Poisson rate, with one wrong answer expected and found to begin with, older verdicts fading out.
Verified are answers drawn at random before they are given (`verify_share`, by a judge), and those that the app's users
complained about. A limit on single prices keeps the budget for candidates that are worth it: the highest price at
which the recent candidates together would have cost no more than `delta`.

Where the verified tell that more wrong answers were given than were paid for, these count (each found stands for
1 / `verify_share` - 1 that were not looked at), and the cache gives none until the requests have caught up. One
standard deviation of chance is kept back.

What it promises: the wrong answers expected, and a standard deviation more, are at most `delta` times the requests, at
every moment, as long as the curve's level is covered by the factor. With a judge the level is measured, and a drift is
made up for; without one it is an assumption about the traffic: that it is no worse than the curve's labelled pairs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import exp, sqrt
from threading import Lock
from typing import Final

_RECENT: Final = 1_000
"""Candidates by which the limit on single prices is set."""
_EVERY: Final = 20
_AHEAD: Final = 300
"""Requests over which what was not spent is spread."""
_FIRST_LIMIT: Final = 0.05
_Z: Final = 1.645
"""One-sided 95 %."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where the bound stands."""

    requests: int
    hits: int
    expected_wrong: float
    """By the curve and the factor at the time of each hit, or by the verdicts; with a standard deviation more."""
    factor: float
    verified: int
    found_wrong: int
    limit: float
    """The highest probability of being wrong at which an answer is given now."""


class Bound:
    """One budget. Called from many threads."""

    def __init__(self, delta: float, *, memory: int = 150, begins: float = 1.0) -> None:
        """`begins`: how many wrong answers are taken for expected and found before the first verdict.

        Raises:
            ValueError: `delta` is not between 0 and 1.
        """
        if not 0 <= delta < 1:
            raise ValueError(f"delta is {delta:g}: it is a share of all requests, such as 0.01")
        self._delta = delta
        self._fade = exp(-1 / memory)
        self._begins = begins
        self._lock = Lock()  # protects all below
        self._requests = 0
        self._hits = 0
        self._paid = 0.0
        self._unseen = 0.0
        """Wrong answers given, as those found among the verified let expect."""
        self._unseen_variance = 0.0
        self._expected = 0.0
        self._found = 0.0
        self._verified = 0
        self._found_wrong = 0
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._limit = _FIRST_LIMIT

    def ask(self) -> None:
        """A request came."""
        with self._lock:
            self._requests += 1

    def admits(self, wrong: float) -> bool:
        """Whether an answer that is wrong with this probability may be given; then it is paid for."""
        with self._lock:
            self._recent.append(wrong)
            if len(self._recent) <= _EVERY or self._requests % _EVERY == 0:
                self._set_limit()
            price = wrong * self._factor()
            if wrong >= 1 or wrong > self._limit or self._spent(price) > self._delta * self._requests:
                return False
            self._paid += price
            self._hits += 1
            return True

    def give_back(self, wrong: float) -> None:
        """The answer that was paid for was not given after all."""
        with self._lock:
            self._paid = max(0.0, self._paid - wrong * self._factor())
            self._hits -= 1

    def learn(self, wrong: float, *, is_wrong: bool, share: float) -> None:
        """A verdict on an answer that was drawn at random, with the chance `share`, among those to be given."""
        with self._lock:
            if is_wrong and share < 1:
                self._unseen += 1 / share - 1
                self._unseen_variance += (1 / share - 1) ** 2
            self._expected = self._expected * self._fade + wrong
            self._found = self._found * self._fade + is_wrong
            self._verified += 1
            self._found_wrong += is_wrong

    def blame(self) -> None:
        """A wrong answer was given, as a user says: it is paid for in full."""
        with self._lock:
            self._paid += 1.0
            self._found_wrong += 1

    @property
    def standing(self) -> Standing:
        """Where it stands now."""
        with self._lock:
            return Standing(
                requests=self._requests,
                hits=self._hits,
                expected_wrong=self._spent(),
                factor=self._factor(),
                verified=self._verified,
                found_wrong=self._found_wrong,
                limit=self._limit,
            )

    def _spent(self, price: float = 0.0) -> float:
        """What was paid or, if that is more, found; with a standard deviation of chance, of as many rare events."""
        paid = self._paid + price
        return max(paid + sqrt(paid), self._unseen + sqrt(self._unseen_variance))

    def _factor(self) -> float:
        return max(1.0, poisson_above(self._found + self._begins) / (self._expected + poisson_above(self._begins)))

    def _set_limit(self) -> None:
        """The highest price at which what came lately would together have cost at most what is there for a request."""
        factor = self._factor()
        left = self._delta * (self._requests + _AHEAD) - self._spent()
        room = left / _AHEAD * max(len(self._recent), _EVERY)
        limit = 0.0
        for price in sorted(self._recent):
            room -= price * factor
            if room < 0:
                break
            limit = price
        self._limit = limit


def poisson_above(found: float) -> float:
    """Upper limit (95 %) of a Poisson mean of which `found` were seen, by Wilson and Hilferty's cube."""
    shape = found + 1
    return shape * (1 - 1 / (9 * shape) + _Z / (3 * sqrt(shape))) ** 3
