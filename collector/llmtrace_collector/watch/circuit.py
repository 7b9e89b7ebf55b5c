"""The circuit of one receiver: after failures in a row it rests, and one notice tries whether it works again. Pure.

    closed --3rd failure in a row--> open for 10 s --> one attempt --success--> closed
                                       ^                   |
                                       +--- twice as long -+ failure (5 minutes at most)

What rests is the receiver, whatever is due to it; a notice's own schedule goes on when it is its turn. So a receiver
that is down costs one attempt at a time, not one for every notice that waits.
"""

from __future__ import annotations

from datetime import timedelta

THRESHOLD = 3
FIRST_REST = timedelta(seconds=10)
LONGEST_REST = timedelta(minutes=5)


def rest_after(failures: int) -> timedelta:
    """How long a receiver rests after `failures` in a row; zero: it need not."""
    if failures < THRESHOLD:
        return timedelta(0)
    doublings = min(failures - THRESHOLD, 10)
    return min(FIRST_REST * (1 << doublings), LONGEST_REST)
