"""How many false alerts many detectors may give together, over time.

Correcting each round (Bonferroni, Benjamini-Hochberg) does nothing about a hundred rounds a day. An e-detector with
ARL0 = A raises false alarms at a rate of at most 1 / A an evaluation, whatever the others do and however they depend
on each other, so a budget of false alerts divides: A = evaluations / budget. Alerts that come together may still be
thinned: `surviving`.
Source: Shin, Ramdas & Rinaldo (arXiv 2203.03532); Wang & Ramdas (2022), e-BH, for alerts of one moment. Cost: none.
"""

from __future__ import annotations

from collections.abc import Sequence


def arl0(*, detectors: int, evaluations_a_day: float, days: float, false_alerts: float) -> float:
    """The ARL0, in evaluations, with which so many detectors give so many false alerts in so many days, all together.

    Args:
        detectors: metrics times groups.
        evaluations_a_day: of each.
        days: the time the budget is for.
        false_alerts: the budget, above 0.
    """
    return detectors * evaluations_a_day * days / false_alerts


def surviving(evidence: Sequence[float], *, share: float = 0.1) -> list[int]:
    """Indices of the e-values that stand when at most `share` of those standing may be false (e-BH).

    Args:
        evidence: e-values (mean at most 1 without change), whatever their dependence.
        share: the false discovery rate, 0 to 1.
    """
    order = sorted(range(len(evidence)), key=lambda index: -evidence[index])
    standing = 0
    for rank, index in enumerate(order, 1):
        if evidence[index] >= len(evidence) / (share * rank):
            standing = rank
    return sorted(order[:standing])
