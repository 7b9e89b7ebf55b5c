"""What a user interface does with an answer: show it, hedge, or ask a person. Thresholds are proven on labels.

    figure   0 ────────── ask ──────────┬──────── hedge ────────┬────────── show ────────── 1
                              at most so many wrong below    at least so many right above

`show_from` is the lowest figure from which on answers are right at least so often, by tests from the strictest on, up
to the first one not passed: the share holds with the confidence asked for, however many were tried (fixed sequence
testing; Angelopoulos et al., "Learn then test", arXiv 2110.01052). Labels must be of the traffic it is used for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

import numpy as np

from llmtrace.confidence.calibration import Calibration, Floats, checked

Action = Literal["show", "hedge", "ask"]
_STEPS: Final = 20
_LEAST: Final = 20
"""Labels of a group that is asked about: fewer say nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """From which figure on to show, and below which to ask."""

    show_from: float | None = None
    """None: no figure is proven good enough, so nothing is shown as it is."""
    ask_below: float | None = None
    """None: no figure is known bad enough to ask for."""
    share_right: float = 0.95
    """What was asked of what is shown."""
    labels: int = 0

    @classmethod
    def from_labels(
        cls,
        figures: Sequence[float],
        right: Sequence[bool],
        *,
        share_right: float = 0.95,
        ask_share_right: float = 0.6,
        confidence: float = 0.9,
    ) -> Thresholds:
        """Proven on answers whose truth is known; from a thousand on, for fewer seldom find one.

        Args:
            figures: Raw figures, larger means surer.
            right: Whether that answer was right.
            share_right: Least share of right ones among those shown.
            ask_share_right: Answers of figures that are right less often than this are a person's.
            confidence: Of all draws of labels, at most 1 - confidence give a threshold that falls short of the share.

        Raises:
            ValueError: The two are not of one length.
        """
        said, was = checked(figures, right)
        show_from = None
        least = 2 * math.log(1 - confidence) / math.log(share_right) if 0 < share_right < 1 else math.inf
        for cut in np.unique(np.quantile(said, np.linspace(0, 1, _STEPS + 1)[:-1]))[::-1] if said.size else ():
            above = was[said >= cut]
            if above.size < least:
                continue  # even a few errors among them would prove nothing, and end the sequence
            if _chance_of_so_many(int(above.sum()), above.size, share_right) > 1 - confidence:
                break
            show_from = float(cut)
        return cls(
            show_from=show_from,
            ask_below=_ask_below(said, was, ask_share_right, show_from),
            share_right=share_right,
            labels=said.size,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """What to do with one answer or field, as JSON for a front end."""

    action: Action
    figure: float | None
    """The raw one; None: there was none."""
    probability: float | None
    """That it is right, by labels; None: uncalibrated, so show no percentage."""
    calibrated: bool
    reason: str
    """For developers and logs, not for users."""

    def as_json(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)


def advise(figure: float | None, calibration: Calibration, thresholds: Thresholds) -> Advice:
    """What to do with an answer of this raw figure. Where labels have proven nothing, the advice is to hedge."""
    if figure is None or math.isnan(figure):
        return _advice("hedge", None, calibration, "no log probabilities came with this answer")
    if not calibration.is_calibrated:
        return _advice("hedge", figure, calibration, f"uncalibrated: {calibration.reason}")
    if thresholds.ask_below is not None and figure < thresholds.ask_below:
        return _advice("ask", figure, calibration, f"below {thresholds.ask_below:.3g}, where too many are wrong")
    if thresholds.show_from is not None and figure >= thresholds.show_from:
        reason = f"from {thresholds.show_from:.3g} on {thresholds.share_right:.0%} are right"
        return _advice("show", figure, calibration, reason)
    return _advice("hedge", figure, calibration, f"not proven to be right {thresholds.share_right:.0%} of the time")


def _advice(action: Action, figure: float | None, calibration: Calibration, reason: str) -> Advice:
    probability = calibration.probability(figure) if figure is not None else None
    return Advice(
        action=action,
        figure=figure,
        probability=probability,
        calibrated=calibration.is_calibrated,
        reason=reason,
    )


def _ask_below(said: Floats, was: Floats, share: float, show_from: float | None) -> float | None:
    """From the bottom up: the end of the last group of labels of which fewer than `share` are right."""
    below = None
    order = np.argsort(said, kind="stable")
    for group in np.array_split(order, min(_STEPS, max(1, said.size // _LEAST))):
        end = float(said[group].max()) if group.size >= _LEAST else math.inf
        if end == math.inf or was[group].mean() >= share or (show_from is not None and end > show_from):
            break
        below = end
    return below


def _chance_of_so_many(hits: int, count: int, share: float) -> float:
    """Of so many right ones or more, were only `share` of all right: the exact binomial tail."""
    k = np.arange(hits, count + 1)
    log_choose = (
        math.lgamma(count + 1)
        - np.array([math.lgamma(each + 1) for each in k.tolist()])
        - np.array([math.lgamma(count - each + 1) for each in k.tolist()])
    )
    return float(np.exp(log_choose + k * math.log(share) + (count - k) * math.log1p(-share)).sum())
