"""What is known of targets while the process runs: how fast they are, what was spent, how their grades compare."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from decimal import Decimal
from typing import Final

from llmtrace.router.bounds import Paired

_MAX_KNOWN: Final = 4096
_NEWEST: Final = 0.2
"""Weight of the newest latency in the moving mean."""


class Latencies:
    """Seconds to the answer, of a stream to its beginning: a moving mean for each target."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects _means
        self._means: dict[str, float] = {}

    def note(self, target: str, seconds: float) -> None:
        """One more answer."""
        with self._lock:
            mean = self._means.get(target)
            if mean is None and len(self._means) >= _MAX_KNOWN:
                return
            self._means[target] = seconds if mean is None else mean + _NEWEST * (seconds - mean)

    def of(self, target: str) -> float | None:
        """None when it was never asked."""
        return self._means.get(target)


class Spending:
    """US dollars spent by payer, in the period under way; the payers least seen are forgotten beyond 4,096."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects _spent
        self._spent: OrderedDict[Hashable, tuple[int, Decimal]] = OrderedDict()

    def add(self, payer: Hashable, period: int, usd: Decimal) -> None:
        """Spent in the period of that number."""
        with self._lock:
            known, spent = self._spent.pop(payer, (period, Decimal(0)))
            self._spent[payer] = (period, spent + usd if known == period else usd)
            if len(self._spent) > _MAX_KNOWN:
                self._spent.popitem(last=False)

    def of(self, payer: Hashable, period: int) -> Decimal:
        """So far in that period."""
        known, spent = self._spent.get(payer, (period, Decimal(0)))
        return spent if known == period else Decimal(0)


class Grades:
    """Paired grades of a bandit's targets against its reference."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects _pairs
        self._pairs: dict[tuple[str, str], Paired] = {}

    def add(self, reference: str, target: str, difference: float) -> None:
        """A pair: the target's grade less the reference's, of one request."""
        with self._lock:
            known = self._pairs.get((reference, target), Paired())
            if known.pairs or len(self._pairs) < _MAX_KNOWN:
                self._pairs[reference, target] = known.with_pair(difference)

    def of(self, reference: str, target: str) -> Paired:
        """All pairs so far."""
        return self._pairs.get((reference, target), Paired())
