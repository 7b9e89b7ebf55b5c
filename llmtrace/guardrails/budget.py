"""Money a user, team or key may spend: refused once it is spent, warned of before.

Counted in this process from what its calls cost at the price list; where something else knows better, such as the
collector, it is asked, and the greater of the two figures holds.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from llmtrace.chain import Asked
from llmtrace.guardrails.verdicts import CLEAN, Guard, Mode, ModeName, Opinion, Stage, Subject

Per = Literal["user", "team", "key", "feature", "all"]
Spent = Callable[[str], float | None]
"""Dollars spent by whom, as another place knows it; None: it does not."""

MOST_KEYS: Final = 100_000
_CALLS: Final = frozenset({Stage.INPUT, Stage.TOOL})


class Purse:
    """What has been spent, by whom, in the period that runs; old keys go when there are too many."""

    def __init__(self, period_s: float, clock: Callable[[], float]) -> None:
        self._period_s = period_s
        self._clock = clock
        self._lock = threading.Lock()  # protects _spent
        self._spent: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def of(self, key: str) -> float:
        """Dollars so far."""
        with self._lock:
            period, spent = self._spent.get(key, (-1, 0.0))
        return spent if period == self._now() else 0.0

    def add(self, key: str, usd: float) -> None:
        """Some more."""
        now = self._now()
        with self._lock:
            period, spent = self._spent.pop(key, (now, 0.0))
            self._spent[key] = (now, usd + (spent if period == now else 0.0))
            while len(self._spent) > MOST_KEYS:
                self._spent.popitem(last=False)

    def _now(self) -> int:
        return int(self._clock() // self._period_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget(Guard):
    """Calls of whoever has spent ``hard_usd`` in this period; from ``soft_usd`` on it is said on the span.

    Periods begin at multiples of ``period_s`` since 1970-01-01 UTC: a day at midnight. A call is counted when it is
    over, so calls under way at once may go beyond. Whoever is not known (no user, no team) is one of them all.
    """

    name: str = "budget"
    stages: frozenset[Stage] = _CALLS
    mode: ModeName = Mode.BLOCK
    per: Per = "user"
    hard_usd: float
    soft_usd: float | None = None
    period_s: float = 86_400.0
    spent: Spent | None = None
    """Asked on a thread of its own within ``timeout_s``; may be the collector's figure, see ``collector_spent``."""
    clock: Callable[[], float] = time.time
    waits: bool = field(init=False, default=False)
    purse: Purse = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.hard_usd <= 0 or self.period_s <= 0 or not 0 <= (self.soft_usd or 0) <= self.hard_usd:
            raise ValueError("Budget: hard_usd and period_s are above 0, and soft_usd is between 0 and hard_usd")
        object.__setattr__(self, "waits", self.spent is not None)
        object.__setattr__(self, "purse", Purse(self.period_s, self.clock))

    def check(self, subject: Subject) -> Opinion:
        """Whether it is spent.

        Raises:
            Exception: of ``spent``.
        """
        if subject.asked is None:
            return Opinion(skipped="no call")
        key = self.key_of(subject.asked)
        spent = self.purse.of(key)
        if self.spent is not None and (told := self.spent(key)) is not None:
            spent = max(spent, told)
        score = min(1.0, spent / self.hard_usd)
        if spent >= self.hard_usd:
            return Opinion(flagged=True, score=score, categories=("budget spent",))
        if self.soft_usd is not None and spent >= self.soft_usd:
            return Opinion(flagged=True, score=score, categories=("budget nearly spent",), hard=False)
        return Opinion(score=score) if spent else CLEAN

    def key_of(self, asked: Asked) -> str:
        """Whose money a call is."""
        identity = asked.identity
        inherited = identity.inherited
        if self.per == "key":
            return asked.account
        if self.per == "user":
            said = asked.body.get("safety_identifier") or asked.body.get("user")
            return (
                identity.user
                or (said if isinstance(said, str) else None)
                or (inherited.user if inherited else None)
                or ""
            )
        if self.per in ("team", "feature"):
            return getattr(identity, self.per) or (getattr(inherited, self.per) if inherited else None) or ""
        return ""

    def count(self, asked: Asked, usd: float) -> None:
        """A call is over, and cost this."""
        self.purse.add(self.key_of(asked), usd)
