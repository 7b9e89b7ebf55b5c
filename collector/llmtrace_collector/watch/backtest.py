"""What rules would have done: the evaluator itself, over what is stored, on a clock that walks through the past."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmtrace_collector.errors import StoreError
from llmtrace_collector.watch import alerts, durations
from llmtrace_collector.watch.counters import Counters
from llmtrace_collector.watch.engine import Engine
from llmtrace_collector.watch.evaluator import Evaluator
from llmtrace_collector.watch.groups import group_of
from llmtrace_collector.watch.journal import Journal
from llmtrace_collector.watch.policy import Policy
from llmtrace_collector.watch.times import iso
from llmtrace_collector.watch.troubles import Troubles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clickhouse_connect.driver.client import Client

    from llmtrace_collector.watch.alerts import Alert
    from llmtrace_collector.watch.rule import Rule
    from llmtrace_collector.watch.transition import Transition


class Backtest:
    """One walk; the journal is a file that is gone afterwards."""

    def __init__(self, rules: Sequence[Rule], connect: Callable[[], Client]) -> None:
        self._rules = rules
        self._connect = connect

    def walk(
        self, start: datetime, end: datetime, every: timedelta
    ) -> Generator[tuple[datetime, list[Transition], list[Alert]]]:
        """Each evaluation from `start` to `end`, both of them in it: when, what moved, and what is live then.

        Raises:
            StoreError: there is no answer.
        """
        moved: list[Transition] = []
        now = start
        troubles = Troubles(tells=False)
        with tempfile.TemporaryDirectory(prefix="llmtrace-backtest-") as folder:
            journal = Journal(Path(folder) / "watch.db")
            evaluator = Evaluator(
                rules=self._rules,
                policy=Policy(),
                engine=Engine(self._connect),
                journal=journal,
                dashboard_url="http://localhost",
                clock=lambda: now,
                timer=lambda: 0.0,
                troubles=troubles,
                counters=Counters(),
                heard=moved.append,
            )
            try:
                while now <= end:
                    evaluator.evaluate(paced=False)
                    faults = [f"{what}: {why}" for what, why in troubles.now().items() if what.startswith("evaluation")]
                    if faults:
                        raise StoreError("; ".join(faults))
                    with journal.transaction() as db:
                        live = alerts.live(db)
                    yield now, list(moved), live
                    moved.clear()
                    now += every
            finally:
                journal.close()


def as_json(transition: Transition) -> dict[str, Any]:
    """A change of an alert, for scripts."""
    expected = transition.expected
    return {
        "at": iso(transition.at),
        "rule": transition.rule,
        "kind": transition.kind,
        "group": group_of(transition.key),
        "state": str(transition.state),
        "severity": str(transition.severity),
        "reason": str(transition.decision.reason),
        "value": float(transition.value),
        "limit": float(transition.limit),
        "unit": transition.unit,
        "since": iso(transition.since),
        "summary": transition.summary,
        "expected": list(expected) if expected else None,
    }


MOST_CHANGES = 1_000
"""Of alerts, in the answer of `bounded`."""


def bounded(
    backtest: Backtest,
    start: datetime,
    end: datetime,
    every: timedelta,
    *,
    budget_s: float,
    timer: Callable[[], float] = time.monotonic,
    stopping: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """What changed, as far as a walk came in `budget_s`, with `MOST_CHANGES` and before `stopping`.

    Raises:
        StoreError: there is no answer.
    """
    until = timer() + budget_s
    changes: list[dict[str, Any]] = []
    evaluations, reached = 0, start
    with closing(backtest.walk(start, end, every)) as walk:
        for at, moved, _ in walk:
            changes += [as_json(transition) for transition in moved]
            evaluations, reached = evaluations + 1, at
            if stopping() or timer() >= until or len(changes) >= MOST_CHANGES:
                break
    return {
        "from": iso(start),
        "to": iso(end),
        "every": durations.write(every),
        "evaluations": evaluations,
        "reached": iso(reached),
        "complete": reached + every > end and len(changes) <= MOST_CHANGES,
        "changes": changes[:MOST_CHANGES],
    }
