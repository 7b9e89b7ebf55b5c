"""Which values the calls that meet a condition have, and the others have not: a pure function over counts.

Two questions, two tests, both one-sided and exact:

- specific: among calls that meet the condition, is the value's share larger than among the others of the window?
  Two proportions, conditional on their totals: hypergeometric (Fisher).
- new: are there more such calls of that value, of all calls, than in the reference? Two rates, conditional on their
  sum: binomial (Przyborowski & Wilenski 1940). So a model that always fails more is no reason why more fails now.

A value is claimed when both say so (intersection-union: the larger p-value counts) and its share is larger by
LEAST_EFFECT at least. Attributes that only such calls have (the error type of errors) cannot be specific; theirs is
compared with the share among such calls of the reference. Without calls in the reference, nothing is asked of it.

Source: Benjamini & Hochberg (1995) over all candidates, weighted so that each attribute has the same part, however many
values it has (Genovese, Roeder & Wasserman 2006): a store of 100,000 users does not drown three models.
Assumes calls independent. Cost: a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

FALSE_CLAIMS = 0.01
"""Of all claims this share may be false: of questions with nothing to claim, one in a hundred claims something."""

LEAST_EFFECT = 0.1
"""Difference of shares."""

LEAST_CALLS = 5
"""Of the calls that meet the condition, so many must have the value."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """Counts of calls of one value."""

    attribute: str
    value: str
    met: int
    """In the window, meeting the condition."""
    rest: int
    """In the window, not meeting it."""
    met_before: int
    """In the reference, meeting it."""
    candidates: int
    """Values of the attribute in all."""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The same counts over all values, and of the reference how many calls there are."""

    met: int
    rest: int
    met_before: int
    calls: int
    """In the window; `met` and `rest` may be samples, this is not."""
    calls_before: int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A value that sets the calls apart."""

    attribute: str
    value: str
    share: float
    """Of the calls that meet the condition, 0 to 1."""
    compared: float
    """Of those they are compared with."""
    against: str
    """`others`: the rest of the window; `before`: such calls of the reference."""
    p_value: float
    """Adjusted for all candidates."""
    calls: int
    """With the value, in the window, meeting the condition; of the sample, where there was one."""
    also: tuple[tuple[str, str], ...] = field(default=())
    """Attributes and values of the very same calls."""

    @property
    def effect(self) -> float:
        """By how much the share is larger."""
        return self.share - self.compared


def explain(
    shares: Sequence[Share], totals: Totals, *, attributes: int, effects: Collection[str] = ()
) -> list[Finding]:
    """The values that set the calls of the condition apart, most telling first; of the same calls one finding.

    Args:
        shares: Counts by value.
        totals: Over all values.
        attributes: How many attributes were looked at.
        effects: Of them those that only calls of the condition have.
    """
    if not shares or totals.met < LEAST_CALLS:
        return []
    met, rest, met_before = (
        np.array([getattr(share, name) for share in shares], dtype=np.int64) for name in ("met", "rest", "met_before")
    )
    # Calls that come in between the queries, or a sample that is larger than its share, are no more than there are.
    met, rest = np.minimum(met, totals.met), np.minimum(rest, totals.rest)
    effect_only = np.array([share.attribute in effects for share in shares])
    ours = met / totals.met
    others = rest / max(totals.rest, 1)
    earlier = met_before / max(totals.met_before, 1)
    theirs = np.where(effect_only, earlier, others)
    p_values = np.maximum(np.where(effect_only, 0.0, _specific(met, rest, totals)), _new(met, met_before, totals))
    if not totals.calls_before:
        p_values = np.where(effect_only, 1.0, p_values)
    penalties = np.array([share.candidates for share in shares]) * max(attributes, 1)
    levels = adjusted(p_values * penalties)
    told = (levels <= FALSE_CLAIMS) & (ours - theirs >= LEAST_EFFECT) & (met >= LEAST_CALLS)
    if not totals.rest:
        told &= effect_only
    found = [
        (
            Finding(
                attribute=shares[i].attribute,
                value=shares[i].value,
                share=float(ours[i]),
                compared=float(theirs[i]),
                against="before" if effect_only[i] else "others",
                p_value=float(levels[i]),
                calls=int(met[i]),
            ),
            (int(met[i]), int(rest[i]), int(met_before[i])),
        )
        for i in np.flatnonzero(told).tolist()
    ]
    found.sort(key=lambda one: -one[0].effect)
    return _merged(found)


def _specific(met: NDArray[np.int64], rest: NDArray[np.int64], totals: Totals) -> NDArray[np.float64]:
    """How often a draw of the condition's calls from all of the window has so many of the value by chance."""
    p_values: NDArray[np.float64] = stats.hypergeom.sf(met - 1, totals.met + totals.rest, met + rest, totals.met)
    return np.clip(p_values, 0.0, 1.0)


def _new(met: NDArray[np.int64], before: NDArray[np.int64], totals: Totals) -> NDArray[np.float64]:
    """How often so many of them fall into the window by chance, when the rate is that of the reference."""
    if not totals.calls_before:
        return np.zeros(met.shape)
    p_values: NDArray[np.float64] = stats.binom.sf(
        met - 1, met + before, totals.calls / (totals.calls + totals.calls_before)
    )
    return p_values


def adjusted(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """By Benjamini & Hochberg, of p-values that carry their penalty already: the k-th smallest divided by k."""
    order = np.argsort(p_values)
    scaled = p_values[order] / np.arange(1, p_values.size + 1)
    levels = np.empty_like(scaled)
    levels[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(levels, 1.0)


def _merged(found: Sequence[tuple[Finding, tuple[int, int, int]]]) -> list[Finding]:
    """Findings of the same counts as one, named by the first."""
    by_counts: dict[tuple[int, int, int], list[Finding]] = {}
    for finding, counts in found:
        by_counts.setdefault(counts, []).append(finding)
    return [
        Finding(
            attribute=first.attribute,
            value=first.value,
            share=first.share,
            compared=first.compared,
            against=first.against,
            p_value=first.p_value,
            calls=first.calls,
            also=tuple((one.attribute, one.value) for one in more),
        )
        for first, *more in by_counts.values()
    ]
