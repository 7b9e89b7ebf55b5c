"""What a raw figure of confidence is worth, by answers whose truth is known: feedback, evaluations, reviews.

Until there are enough labels a calibration says "uncalibrated" and no probability. Its error is measured on labels it
was not fitted to.

- isotonic: pool adjacent violators (Ayer et al., 1955; Zadrozny and Elkan, 2002): any rising curve; from 200 labels on
- platt: a logistic curve over the figure's log odds, with smoothed targets (Platt, 1999): two numbers; does with 30
- expected calibration error over bins of equal counts (Naeini et al., 2015), intervals by Wilson (1927)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Method = Literal["isotonic", "platt"]

_METHODS: Final[tuple[Method | Literal["uncalibrated"], ...]] = ("isotonic", "platt", "uncalibrated")

LEAST_LABELS: Final = 30
LEAST_OF_A_KIND: Final = 5
"""Right ones, and wrong ones."""
ISOTONIC_FROM: Final = 200
_FOLDS: Final = 5
_EDGE: Final = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Answers of about the same probability."""

    count: int
    said: float
    """Mean probability that was said."""
    was: float
    """Share that was right."""
    low: float
    """Of a 95 % interval of that share; so is the next."""
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Reliability:
    """How far what was said is from what was."""

    labels: int
    ece: float
    """Mean distance of said and was, weighted by count, 0 to 1."""
    brier: float
    """Mean squared distance of probability and truth, 0 to 1."""
    bins: tuple[Bin, ...]


def reliability(probabilities: Sequence[float], right: Sequence[bool], *, bins: int = 10) -> Reliability:
    """The reliability curve of probabilities, over bins of about equal counts.

    Raises:
        ValueError: they are not of one length, empty, or no probabilities.
    """
    said, was = checked(probabilities, right)
    if not said.size or bool(((said < 0) | (said > 1)).any()):
        raise ValueError("reliability needs one probability or more, each from 0 to 1")
    order = np.argsort(said, kind="stable")
    made = []
    for chosen in np.array_split(order, min(bins, said.size)):
        low, high = wilson(int(was[chosen].sum()), chosen.size)
        mean = float(said[chosen].mean())
        made.append(Bin(count=chosen.size, said=mean, was=float(was[chosen].mean()), low=low, high=high))
    ece = math.fsum(each.count * abs(each.said - each.was) for each in made) / said.size
    return Reliability(labels=said.size, ece=ece, brier=float(((said - was) ** 2).mean()), bins=tuple(made))


def wilson(hits: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The interval of a share by Wilson's score."""
    centre = (hits + z * z / 2) / (count + z * z)
    reach = z / (count + z * z) * math.sqrt(hits * (count - hits) / count + z * z / 4)
    return max(0.0, centre - reach), min(1.0, centre + reach)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """From a raw figure to the probability that the answer is right."""

    method: Method | Literal["uncalibrated"] = "uncalibrated"
    labels: int = 0
    knots: tuple[tuple[float, float], ...] = ()
    """Of isotonic: figure and probability, rising. Of platt: intercept and slope."""
    held_out: Reliability | None = None
    """Of labels each fit had not seen, in five folds; None while uncalibrated."""
    reason: str = field(default="no labels yet")
    """Why it is uncalibrated; '' when it is not."""

    @property
    def is_calibrated(self) -> bool:
        """Whether labels stand behind it."""
        return self.method != "uncalibrated"

    @classmethod
    def fit(
        cls, figures: Sequence[float], right: Sequence[bool], *, method: Method | None = None, seed: int = 0
    ) -> Calibration:
        """From answers whose truth is known; uncalibrated where they are too few.

        Args:
            figures: Raw figures, 0 to 1, such as `FieldConfidence.probability`; larger means surer.
            right: Whether that answer was right.
            method: None: platt below 200 labels, else isotonic.
            seed: Of the folds on which the error is measured.

        Raises:
            ValueError: The two are not of one length, or a figure is not from 0 to 1.
        """
        said, was = checked(figures, right)
        if bool(((said < 0) | (said > 1)).any()):
            raise ValueError("figures are from 0 to 1: give exp(mean_logprob), not the logarithm")
        rare = int(min(was.sum(), was.size - was.sum()))
        if was.size < LEAST_LABELS or rare < LEAST_OF_A_KIND:
            reason = f"{was.size} labels, {rare} of the rarer kind: {LEAST_LABELS} and {LEAST_OF_A_KIND} are the least"
            return cls(labels=was.size, reason=reason)
        chosen: Method = method or ("isotonic" if was.size >= ISOTONIC_FROM else "platt")
        held = np.empty(was.size)
        for fold in np.array_split(np.random.default_rng(seed).permutation(was.size), _FOLDS):
            rest = np.setdiff1d(np.arange(was.size), fold)
            held[fold] = _apply(chosen, _fitted(chosen, said[rest], was[rest]), said[fold])
        return cls(
            method=chosen,
            labels=was.size,
            knots=_fitted(chosen, said, was),
            held_out=reliability(held.tolist(), (was > 0).tolist()),
            reason="",
        )

    def probability(self, figure: float) -> float | None:
        """That an answer with this raw figure is right, 0 to 1; None while uncalibrated, or for no number."""
        if self.method == "uncalibrated" or math.isnan(figure):
            return None
        return float(_apply(self.method, self.knots, np.array([figure]))[0])

    def to_json(self) -> str:
        """For a file, or for the service that uses it."""
        return json.dumps({"method": self.method, "labels": self.labels, "knots": self.knots, "reason": self.reason})

    @classmethod
    def from_json(cls, written: str) -> Calibration:
        """Reads it again; without the figures of its error.

        Raises:
            ValueError: It is none.
        """
        try:
            found: Mapping[str, Any] = json.loads(written)
            knots = tuple((float(x), float(y)) for x, y in found["knots"])
            method = next(name for name in _METHODS if name == found["method"])
            return cls(method=method, labels=int(found["labels"]), knots=knots, reason=str(found["reason"]))
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            raise ValueError(f"this is no calibration as `to_json` writes it: {error}") from error


def checked(figures: Sequence[float], right: Sequence[bool]) -> tuple[Floats, Floats]:
    """Both as arrays; raises ValueError where they do not fit each other."""
    said, was = np.asarray(figures, float), np.asarray(right, float)
    if said.shape != was.shape or said.ndim != 1:
        raise ValueError(f"{said.size} figures and {was.size} labels: give one label for each figure")
    if not bool(np.isfinite(said).all()) or not bool(np.isin(was, (0.0, 1.0)).all()):
        raise ValueError("figures are finite numbers, and labels true or false")
    return said, was


def _fitted(method: Method, said: Floats, was: Floats) -> tuple[tuple[float, float], ...]:
    return _isotonic(said, was) if method == "isotonic" else (_platt(said, was),)


def _isotonic(said: Floats, was: Floats) -> tuple[tuple[float, float], ...]:
    blocks: list[list[float]] = []  # hits, count, sum of figures
    for x in np.unique(said):
        at = said == x
        blocks.append([float(was[at].sum()), float(at.sum()), float(x * at.sum())])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [one + two for one, two in zip(blocks[-1], last, strict=True)]
    # Drawn a little to the middle (Laplace): a block without a miss is not certain.
    return tuple((total / count, (hits + 1) / (count + 2)) for hits, count, total in blocks)


def _platt(said: Floats, was: Floats) -> tuple[float, float]:
    x = _log_odds(said)
    hits = was.sum()
    target = np.where(was > 0, (hits + 1) / (hits + 2), 1 / (was.size - hits + 2))
    design = np.column_stack([np.ones_like(x), x])
    weights = np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (p - target) + 1e-6 * weights
        bend = design.T @ (design * (p * (1 - p))[:, None]) + 1e-6 * np.eye(2)
        step = np.linalg.solve(bend, slope)
        weights -= np.clip(step, -5, 5)
        if float(np.abs(step).max()) < 1e-9:
            break
    return float(weights[0]), float(weights[1])


def _apply(method: Method, knots: tuple[tuple[float, float], ...], said: Floats) -> Floats:
    if method == "platt":
        ((intercept, slope),) = knots
        return np.asarray(1 / (1 + np.exp(-(intercept + slope * _log_odds(said)))), float)
    xs, ys = zip(*knots, strict=True)
    # The Laplace draw may bend the curve down where blocks are small; it rises all the same.
    return np.interp(said, xs, np.maximum.accumulate(ys))


def _log_odds(said: Floats) -> Floats:
    p = np.clip(said, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(p / (1 - p)), float)
