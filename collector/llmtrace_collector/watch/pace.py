"""When a rule is looked at again: at once, unless reading for it took long or what it looks at is closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmtrace_collector.watch.rule import Rule

_REST = 9
"""After a scan its like rests for this many times its duration, so that it takes a tenth of the time at most."""

_LONGEST_REST_S = 600.0


class Pace:
    """By rule; the timer is one that no setting of the clock moves."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._not_before: dict[str, float] = {}
        self._looked_at: dict[str, float] = {}

    def due(self, rules: Iterable[Rule]) -> list[Rule]:
        """Those that do not rest, the one that was looked at longest ago first."""
        now = self._timer()
        awake = [rule for rule in rules if now >= self._not_before.get(rule.name, now)]
        return sorted(awake, key=lambda rule: self._looked_at.get(rule.name, float("-inf")))

    def note(self, rule: Rule, seconds: float) -> None:
        """It was looked at just now, which took so long."""
        now = self._timer()
        rest = min(max(seconds, 0.0) * _REST, _LONGEST_REST_S)
        self._looked_at[rule.name] = now
        self._not_before[rule.name] = now + max(rest, rule.condition.rests_s)

    def forget(self) -> None:
        """Everything is due."""
        self._not_before.clear()
