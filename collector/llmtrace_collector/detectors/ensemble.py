"""One surprise out of several: the mean of what the members say, in calibrated nats.

Members speak in tail probabilities of the series (`tails`), so they can be added. Most say nothing at most points; the
more of them are surprised, and the more each is, the greater the joint surprise.
Source: Fisher (1932), sums of -log p; combining dependent p-values, Vovk & Wang (2020); rank ensembles, Aggarwal &
Sathe (2017). Assumes members that are each calibrated; their dependence is what `episodes` calibrates once more. Cost:
0.1 us a member; no state.
"""

from __future__ import annotations

from collections.abc import Iterable

LARGEST = 25.0
"""Nats that one member may say at most."""
SCALE = 2.0
"""The mean is less than any tail alone; so much brings it back to the scale of one."""


def joint(surprises: Iterable[float], members: int) -> float:
    """The joint surprise of one point, nats.

    Args:
        surprises: of each member, 0 for none.
        members: how many they are.
    """
    total = 0.0
    for surprise in surprises:
        if surprise:
            total += min(LARGEST, surprise)
    return SCALE * total / members
