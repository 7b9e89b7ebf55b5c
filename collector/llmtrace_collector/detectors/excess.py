"""How improbable a standardised value is: Gaussian below a knee, an exponential tail of learnt rate and mean above.

Unlike `tails`, which keeps the greatest scores there ever were, this tail forgets, and one incident cannot widen it
much: excesses are bounded in what they teach. So the same incident is told of again when it comes again.
Source: Pickands (1975), peaks over a threshold with shape 0; bounded influence: Huber, Robust Statistics (1981).
Assumes that values are centred and scaled. Units: nats. Cost: 0.4 us; state: three floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

KNEE = 2.0
"""Standard deviations."""
GAUSSIAN_RATE = 0.02275
GAUSSIAN_MEAN = 0.37
"""Of a Gaussian's excess above the knee."""
MEMORY = 2000.0
"""Values that the rate looks back."""
PRIOR = 300.0
"""Values that the Gaussian start counts as."""
MEAN_MEMORY = 60.0
"""Excesses that their mean looks back."""
PRIOR_EXCESSES = 15.0
BOUND = 3.0
"""Mean excesses that one excess teaches at most."""


@dataclass(kw_only=True)
class Excess:
    """The upper tail of one stream of standardised values."""

    rate: float = GAUSSIAN_RATE
    """Share of values above the knee."""
    mean: float = GAUSSIAN_MEAN
    """Mean excess above the knee, standard deviations."""
    count: float = 0.0
    """Values so far."""

    def surprise(self, value: float) -> float:
        """-log of the probability of a value so large, nats."""
        if value > KNEE:
            return -math.log(self.rate) + (value - KNEE) / self.mean
        return -math.log(max(0.5 * math.erfc(value / math.sqrt(2.0)), self.rate))

    def at(self, nats: float) -> float:
        """The value whose surprise is `nats`, which is not below the knee's."""
        return KNEE + max(nats + math.log(self.rate), 0.0) * self.mean

    def take(self, value: float) -> None:
        """Learns from a value."""
        self.count += 1.0
        pace = 1.0 / (min(self.count, MEMORY) + PRIOR)
        if value <= KNEE:
            self.rate += (0.0 - self.rate) * pace
            return
        self.rate += (1.0 - self.rate) * pace
        excess = min(value - KNEE, BOUND * self.mean)
        self.mean += (excess - self.mean) / (min(self.rate * self.count, MEAN_MEMORY) + PRIOR_EXCESSES)
