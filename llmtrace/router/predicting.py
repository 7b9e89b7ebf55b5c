"""A fitted policy in use: two logistic heads over a prompt, without numpy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from llmtrace.router.features import FIGURES, Counted, count, weighted
from llmtrace.router.files import PolicyFileError

FORMAT: Final = "llmtrace-router-1"
_CLIPPED_AT: Final = 3.0
"""Figures of form beyond so many standard deviations say no more than those at it."""
_LEAST_COST: Final = 0.05
_MAX_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Head:
    """A logistic regression: the chance that a model's answer is good."""

    intercept: float
    words: Mapping[int, float]
    form: Sequence[float]

    def chance(self, words: Mapping[int, float], figures: Sequence[float]) -> float:
        """0 to 1."""
        weights = self.words
        odds = self.intercept + sum(value * weights[bucket] for bucket, value in words.items() if bucket in weights)
        odds += sum(value * weight for value, weight in zip(figures, self.form, strict=True))
        return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0


@dataclass(frozen=True, kw_only=True)
class Scales:
    """How prompts become numbers."""

    rarity: Mapping[int, float]
    means: Sequence[float]
    spreads: Sequence[float]
    form_weight: float

    def numbers(self, prompt: Counted) -> tuple[dict[int, float], list[float]]:
        """Words and form of a prompt, as heads take them."""
        figures = [
            self.form_weight * max(-_CLIPPED_AT, min(_CLIPPED_AT, (value - mean) / spread))
            for value, mean, spread in zip(prompt.form, self.means, self.spreads, strict=True)
        ]
        return weighted(prompt.words, self.rarity), figures


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """Both heads, and where to draw the line."""

    scales: Scales
    weak: Head
    strong: Head
    extra_cost: tuple[float, float] = (1.0, 0.0)
    """What the strong model costs more: for any prompt, and for each of its characters; in units of the mean call."""
    thresholds: tuple[tuple[float, float], ...] = ()
    """Share of the strong model's quality, and the worth above which a prompt must go to the strong model for that."""

    def gain(self, prompt: Counted) -> float:
        """How much likelier the strong model's answer is to be good, -1 to 1."""
        words, figures = self.scales.numbers(prompt)
        return self.strong.chance(words, figures) - self.weak.chance(words, figures)

    def worth(self, prompt: Counted) -> float:
        """The gain for what it costs: the line at one worth is the cheapest way to any quality."""
        fixed, by_character = self.extra_cost
        return self.gain(prompt) / max(_LEAST_COST, fixed + by_character * prompt.characters)

    def needs_strong(self, prompt: str, quality: float) -> bool:
        """Whether a prompt goes to the strong model, for that share of its quality."""
        fitting = [threshold for kept, threshold in self.thresholds if kept >= quality - 1e-9]
        return not fitting or self.worth(count(prompt)) > max(fitting)

    def as_json(self) -> dict[str, Any]:
        """What the file says of it."""
        buckets = sorted(self.scales.rarity)
        return {
            "format": FORMAT,
            "extra_cost": list(self.extra_cost),
            "thresholds": [list(pair) for pair in self.thresholds],
            "form": {
                "weight": self.scales.form_weight,
                "means": list(self.scales.means),
                "spreads": list(self.scales.spreads),
                "weak": list(self.weak.form),
                "strong": list(self.strong.form),
            },
            "intercepts": {"weak": self.weak.intercept, "strong": self.strong.intercept},
            "words": [
                [bucket, self.scales.rarity[bucket], self.weak.words[bucket], self.strong.words[bucket]]
                for bucket in buckets
            ],
        }


def load_predictor(file: str) -> Fitted:
    """What ``llmtrace router fit`` wrote.

    Raises:
        PolicyFileError: It cannot be read, or is no such file.
    """
    path = Path(file)
    try:
        data = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else b""
        return _fitted(json.loads(data))
    except OSError as error:
        raise PolicyFileError(
            f"{path}: cannot be read ({error.strerror}); write it with: llmtrace router fit GRADED.jsonl --out {path}"
        ) from error
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise PolicyFileError(
            f"{path}: is no fitted policy; write one with: llmtrace router fit GRADED.jsonl --out {path}"
        ) from error


def _fitted(node: Mapping[str, Any]) -> Fitted:
    if node["format"] != FORMAT:
        raise ValueError(node["format"])
    told = node["form"]
    words = [(int(bucket), float(idf), float(weak), float(strong)) for bucket, idf, weak, strong in node["words"]]
    made = Fitted(
        scales=Scales(
            rarity={bucket: idf for bucket, idf, _, _ in words},
            means=_figures(told["means"]),
            spreads=_figures(told["spreads"]),
            form_weight=float(told["weight"]),
        ),
        weak=Head(
            intercept=float(node["intercepts"]["weak"]),
            words={bucket: weight for bucket, _, weight, _ in words},
            form=_figures(told["weak"]),
        ),
        strong=Head(
            intercept=float(node["intercepts"]["strong"]),
            words={bucket: weight for bucket, _, _, weight in words},
            form=_figures(told["strong"]),
        ),
        extra_cost=(float(node["extra_cost"][0]), float(node["extra_cost"][1])),
        thresholds=tuple((float(kept), float(threshold)) for kept, threshold in node["thresholds"]),
    )
    made.worth(count("a prompt"))  # a spread of 0 and other nonsense shows now, not with a call
    return made


def _figures(given: Sequence[Any]) -> tuple[float, ...]:
    found = tuple(float(value) for value in given)
    if len(found) != FIGURES or not all(map(math.isfinite, found)):
        raise ValueError(f"{len(found)} figures of form")
    return found
