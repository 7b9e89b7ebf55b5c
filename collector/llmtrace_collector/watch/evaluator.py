"""One evaluation: measure, decide, write down. Rows and clock come in, transitions go out.

A scan that fails leaves the alerts of its rules where they were: nobody is told that all is well because nobody could
look.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from llmtrace_collector.errors import StoreError
from llmtrace_collector.watch import alerts, spend
from llmtrace_collector.watch.changes import Change, changes, ending
from llmtrace_collector.watch.policy import Policy, Teller
from llmtrace_collector.watch.questions import question
from llmtrace_collector.watch.rule import group_of
from llmtrace_collector.watch.states import State
from llmtrace_collector.watch.times import Clock, whole_ms
from llmtrace_collector.watch.transition import Transition, new_event_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from random import Random

    from llmtrace_collector.explain import Explanation, Question
    from llmtrace_collector.watch.counters import Counters
    from llmtrace_collector.watch.engine import Engine
    from llmtrace_collector.watch.explainer import Explainer
    from llmtrace_collector.watch.journal import Journal
    from llmtrace_collector.watch.rule import Rule
    from llmtrace_collector.watch.troubles import Troubles

_REST = 9
"""After a scan its like rests for this many times its duration, so that it takes a tenth of the time at most."""

_LONGEST_REST_S = 600.0


class Evaluator:
    """Looks at every rule and moves its alerts."""

    def __init__(
        self,
        *,
        rules: Sequence[Rule],
        policy: Policy,
        engine: Engine,
        journal: Journal,
        dashboard_url: str,
        clock: Clock,
        timer: Callable[[], float],
        random: Random,
        troubles: Troubles,
        counters: Counters,
        explainer: Explainer,
    ) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._scans = spend.plan(rules)
        self._teller = Teller(rules=rules, policy=policy, dashboard_url=dashboard_url)
        self._engine = engine
        self._journal = journal
        self._dashboard_url = dashboard_url
        self._clock = clock
        self._timer = timer
        self._random = random
        self._troubles = troubles
        self._counters = counters
        self._explainer = explainer
        self._not_before: dict[spend.Scan, float] = {}
        """By the timer, which no setting of the clock moves."""
        self.last_evaluation: datetime | None = None
        """When every rule that was due had last been looked at with success."""

    def replace(self, rules: Sequence[Rule], policy: Policy) -> None:
        """Other rules from the next evaluation on; alerts of rules that are gone end there."""
        self._teller.replace(rules, policy)
        self._rules = {rule.name: rule for rule in rules}
        self._scans = spend.plan(rules)
        self._not_before.clear()

    def evaluate(self, *, paced: bool) -> int:
        """Evaluates every rule, `paced` only those whose scan is not resting; returns the number of transitions."""
        moved = self._end_orphans()
        failures = self._counters.query_failures
        awake = [scan for scan in self._scans if not (paced and self._rests(scan))]
        for scan in awake:
            now, started = whole_ms(self._clock()), self._timer()
            rules = self._scans[scan]
            spent = self._read(scan, rules, now)
            if spent is None:
                continue
            moved += self._apply(rules, spent, now)
            ended = self._timer()
            self._not_before[scan] = ended + min((ended - started) * _REST, _LONGEST_REST_S)
        healthy = self._counters.query_failures == failures
        with self._journal.transaction() as db:
            self._teller.tell(db, whole_ms(self._clock()), healthy=healthy)
        self._counters.evaluations += 1
        if (awake or not self._scans) and healthy:
            self.last_evaluation = self._clock()
        return moved

    def _rests(self, scan: spend.Scan) -> bool:
        return self._timer() < self._not_before.get(scan, 0.0)

    def _read(self, scan: spend.Scan, rules: Sequence[Rule], now: datetime) -> spend.Spent | None:
        names = ", ".join(rule.name for rule in rules)
        with self._journal.transaction() as db:
            live = {alert.key for rule in rules for alert in alerts.live(db, rule.name)}
        floor = min(rule.condition.limit_usd for rule in rules)
        try:
            spent = spend.read(self._engine, scan, floor=floor, live=live, now=now)
        except StoreError as error:
            self._counters.query_failures += 1
            self._troubles.begin(f"evaluation of {names}", f"{error}; its alerts stay as they are")
            return None
        self._troubles.end(f"evaluation of {names}")
        self._note_bound(names, spent)
        return spent

    def _note_bound(self, names: str, spent: spend.Spent) -> None:
        what = f"groups of {names}"
        if spent.truncated:
            self._troubles.begin(what, f"more than {spend.MOST_GROUPS} are above the limit; the dearest are watched")
        else:
            self._troubles.end(what)

    def _apply(self, rules: Sequence[Rule], spent: spend.Spent, now: datetime) -> int:
        """Decides, has explained what fires, and records all rules of a scan in one transaction."""
        with self._journal.transaction() as db:
            live = {rule.name: alerts.live(db, rule.name) for rule in rules}
        moves = [
            change
            for rule in rules
            for change in changes(rule, live[rule.name], spent.dollars, now, most=spend.MOST_GROUPS)
        ]
        explained = self._explainer.answers(_questions(moves, now))
        with self._journal.transaction() as db:
            for number, change in enumerate(moves):
                self._record(db, change, now, explained.get(number))
        return len(moves)

    def _end_orphans(self) -> int:
        """Ends the alerts of rules that are gone or group by something else now."""
        now = whole_ms(self._clock())
        moved = 0
        with self._journal.transaction() as db:
            for alert in alerts.live(db):
                change = ending(alert, self._rules.get(alert.rule))
                if change:
                    self._record(db, change, now)
                    moved += 1
        return moved

    def _record(
        self, db: sqlite3.Connection, change: Change, now: datetime, explanation: Explanation | None = None
    ) -> None:
        event_id = new_event_id(self._random)
        fired = change.decision.standing.state is State.FIRING
        transition = Transition(
            event_id=event_id,
            at=now,
            rule=change.rule,
            kind=change.kind,
            key=change.key,
            decision=change.decision,
            value=change.value,
            limit=change.limit,
            window=change.window,
            since=change.decision.standing.since or change.began or now,
            fired_event=event_id if fired else change.fired_event,
            explanation=explanation,
        )
        alerts.record(db, transition, self._teller, self._dashboard_url)
        self._counters.transitions += 1


def _questions(moves: Sequence[Change], now: datetime) -> dict[int, Question]:
    """What is to be explained of the changes that fire, by their place."""
    found = {
        number: question(
            measure="cost_usd",
            group=group_of(change.key),
            window=change.window,
            since=change.began or now,
            now=now,
            value=float(change.value),
            limit=float(change.limit),
        )
        for number, change in enumerate(moves)
        if change.decision.notify and change.decision.standing.state is State.FIRING
    }
    return {number: asked for number, asked in found.items() if asked}
