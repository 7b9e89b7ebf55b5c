"""One evaluation: measure, decide, write down. Rows and clock come in, transitions go out.

    due rules --needs--> scans (20 at most) --read--> readings --judge--> verdicts --changes--> watch.db

A scan that fails leaves the alerts of its rules where they were: nobody is told that all is well because nobody could
look. That they could not be looked at is an alert itself (`own`), and so is a rule that errs; the others go on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from llmtrace_collector.errors import StoreError
from llmtrace_collector.watch import alerts, judging, memories, own, spend
from llmtrace_collector.watch.changes import Change, changes, ending
from llmtrace_collector.watch.conditions import Spend
from llmtrace_collector.watch.engine import QueryError
from llmtrace_collector.watch.groups import EVERYTHING, group_of
from llmtrace_collector.watch.judging import Outcome
from llmtrace_collector.watch.looking import MOST_SCANS, look
from llmtrace_collector.watch.pace import Pace
from llmtrace_collector.watch.patience import NoData
from llmtrace_collector.watch.policy import Policy, Teller
from llmtrace_collector.watch.questions import question
from llmtrace_collector.watch.scans import MOST_GROUPS
from llmtrace_collector.watch.states import State
from llmtrace_collector.watch.times import Clock, whole_ms
from llmtrace_collector.watch.transition import Transition, event_id_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from llmtrace_collector.explain import Explanation, Question
    from llmtrace_collector.watch.alerts import Alert
    from llmtrace_collector.watch.conditions.condition import Memory
    from llmtrace_collector.watch.counters import Counters
    from llmtrace_collector.watch.engine import Engine
    from llmtrace_collector.watch.explainer import Explainer
    from llmtrace_collector.watch.journal import Journal
    from llmtrace_collector.watch.known import Known
    from llmtrace_collector.watch.rule import Rule
    from llmtrace_collector.watch.troubles import Troubles


@dataclass(kw_only=True)
class _Round:
    """What one evaluation has found so far."""

    now: datetime
    live: Mapping[str, Sequence[Alert]]
    """Pending and firing alerts, by rule."""
    outcomes: list[Outcome] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Why a rule could not be evaluated, by its name."""
    no_store: str = ""


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
        troubles: Troubles,
        counters: Counters,
        explainer: Explainer | None = None,
        heard: Callable[[Transition], None] | None = None,
        decides: Callable[[], bool] = lambda: True,
        ailing: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """`explainer` finds out why an alert fires; `heard` is told of every transition, beside the journal.

        `ailing` says what is wrong with the collector itself, a sentence by what it concerns, '' where all is well.
        `decides` is asked once everything is measured: false leaves all as it is, for another watch leads by now.
        """
        self._heard = heard
        self._decides = decides
        self._ailing = ailing
        self._rules = {rule.name: rule for rule in rules}
        self._teller = Teller(rules=rules, policy=policy, dashboard_url=dashboard_url)
        self._engine = engine
        self._journal = journal
        self._dashboard_url = dashboard_url
        self._clock = clock
        self._timer = timer
        self._troubles = troubles
        self._counters = counters
        self._explainer = explainer
        self._pace = Pace(timer)
        self.last_evaluation: datetime | None = None
        """When every rule that was due had last been looked at with success."""

    def replace(self, rules: Sequence[Rule], policy: Policy) -> None:
        """Other rules from the next evaluation on; alerts of rules that are gone end there."""
        self._teller.replace(rules, policy)
        self._rules = {rule.name: rule for rule in rules}
        self._pace.forget()
        with self._journal.transaction() as db:
            memories.forget_others(db, self._rules)

    def evaluate(self, *, paced: bool) -> int:
        """Evaluates every rule, `paced` only those that do not rest; returns the number of transitions."""
        now = whole_ms(self._clock())
        moved = self._end_orphans(now)
        due = self._pace.due(self._rules.values()) if paced else list(self._rules.values())
        with self._journal.transaction() as db:
            live: dict[str, list[Alert]] = defaultdict(list)
            for alert in alerts.live(db):
                live[alert.rule].append(alert)
            kept = {rule.name: memories.get(db, rule, memories.CONDITION) for rule in due}
            known = {
                rule.name: memories.get(db, rule, memories.GROUPS) for rule in due if judging.remembers_groups(rule)
            }
        found = _Round(now=now, live=live)
        scans = self._look_at_spend(found, due)
        self._look(found, due, kept, known, most=MOST_SCANS - scans if paced else len(due) * MOST_SCANS)
        if not self._decides():
            return moved
        moved += self._apply(found)
        healthy = not found.failed and not found.no_store
        with self._journal.transaction() as db:
            self._teller.tell(db, now, healthy=healthy)
        self._counters.evaluations += 1
        if (due or not self._rules) and healthy:
            self.last_evaluation = self._clock()
        return moved

    def _look_at_spend(self, found: _Round, due: Sequence[Rule]) -> int:
        """Rolling windows of dollars, which ask for excess alone; how many scans that took."""
        plan = spend.plan(due)
        for scan, rules in plan.items():
            began = self._timer()
            live = {alert.key for rule in rules for alert in found.live.get(rule.name, ())}
            conditions = {rule.name: rule.condition for rule in rules if isinstance(rule.condition, Spend)}
            floor = min(condition.limit_usd for condition in conditions.values())
            try:
                spent = spend.read(self._engine, scan, floor=floor, live=live, now=found.now - scan.delay)
            except StoreError as error:
                self._fail(found, rules, error)
                continue
            for rule in rules:
                found.outcomes.append(_of_spend(rule, conditions[rule.name], spent, found.live.get(rule.name, ())))
                self._pace.note(rule, self._timer() - began)
        return len(plan)

    def _fail(self, found: _Round, rules: Iterable[Rule], error: StoreError) -> None:
        if isinstance(error, QueryError):
            found.failed |= {rule.name: f"{error}" for rule in rules}
        else:
            found.no_store = f"{error}"

    def _look(
        self,
        found: _Round,
        due: Sequence[Rule],
        kept: Mapping[str, Memory],
        known: Mapping[str, Known],
        *,
        most: int,
    ) -> None:
        """All other kinds."""
        others = [rule for rule in due if not isinstance(rule.condition, Spend)]
        looked = look(self._engine, others, found.now, memories=kept, timer=self._timer, most=max(most, 1))
        found.failed |= looked.failed
        found.no_store = found.no_store or looked.no_store
        for rule in others:
            if rule.name not in looked.readings:
                continue
            self._pace.note(rule, looked.seconds[rule.name])
            live = {alert.key: alert.standing for alert in found.live.get(rule.name, ())}
            try:
                outcome = judging.judge(
                    rule,
                    looked.readings[rule.name],
                    found.now,
                    live=live,
                    memory=kept[rule.name],
                    known=known.get(rule.name, {}),
                )
            except Exception as error:  # noqa: BLE001 - a rule that errs must not stop the others
                found.failed[rule.name] = f"it cannot be judged: {type(error).__name__}: {error}"
            else:
                found.outcomes.append(outcome)

    def _apply(self, found: _Round) -> int:
        """Decides, has explained what fires, and records all rules in one transaction."""
        moves = [change for outcome in found.outcomes for change in _changes(found, outcome)]
        explained = self._explainer.answers(self._questions(moves, found.now)) if self._explainer else {}
        with self._journal.transaction() as db:
            for outcome in found.outcomes:
                if outcome.memory is not None:
                    memories.put(db, outcome.rule, memories.CONDITION, outcome.memory)
                if outcome.known is not None:
                    memories.put(db, outcome.rule, memories.GROUPS, outcome.known)
            moved = sum(
                self._record(db, change, found.now, explained.get(number)) for number, change in enumerate(moves)
            )
            moved += sum(self._record(db, change, found.now) for change in self._own(found))
        self._tell(found)
        return moved

    def _questions(self, moves: Sequence[Change], now: datetime) -> dict[int, Question]:
        """What is to be explained of the changes that fire, by their place."""
        found = {}
        for number, change in enumerate(moves):
            if change.decision.notify and change.decision.standing.state is State.FIRING:
                rule = self._rules[change.rule]
                asked = question(
                    measure=change.measure,
                    group={**rule.where, **group_of(change.key)},
                    labels=rule.condition.labels,
                    window=change.window,
                    since=change.began or now,
                    now=now,
                    value=float(change.value),
                    limit=float(change.limit),
                )
                if asked:
                    found[number] = asked
        return found

    def _own(self, found: _Round) -> Iterable[Change]:
        """What the watch has to tell of itself."""
        now, live = found.now, found.live
        looked = [own.about_rule(outcome.rule) for outcome in found.outcomes]
        store = {EVERYTHING: found.no_store} if found.no_store else {}
        if found.no_store or found.outcomes:
            yield from own.faults(own.STORE, store, live.get(own.STORE, ()), [EVERYTHING], now)
        failed = {own.about_rule(self._rules[name]): why for name, why in found.failed.items()}
        yield from own.faults(own.EVALUATION, failed, live.get(own.EVALUATION, ()), [*looked, *failed], now)
        crowded = {own.about_rule(o.rule): _crowded(o.rule) for o in found.outcomes if o.truncated}
        yield from own.faults(own.GROUPS, crowded, live.get(own.GROUPS, ()), looked, now)
        ailing = {own.about_collector(what): why for what, why in self._ailing().items()}
        wrong = {key: why for key, why in ailing.items() if why}
        yield from own.faults(own.COLLECTOR, wrong, live.get(own.COLLECTOR, ()), ailing, now)
        for outcome in found.outcomes:
            if outcome.rule.patience.no_data is NoData.SEPARATE:
                yield from own.silences(outcome.rule, outcome.silent, live.get(own.NO_DATA, ()), now)

    def _tell(self, found: _Round) -> None:
        """Health and log say the same."""
        if found.no_store:
            self._counters.query_failures += 1
            self._troubles.begin("evaluation", f"{found.no_store}; the alerts stay as they are")
        elif found.outcomes:
            self._troubles.end("evaluation")
        self._counters.query_failures += len(found.failed)
        for name, why in found.failed.items():
            self._troubles.begin(f"evaluation of {name}", f"{why}; its alerts stay as they are")
        for outcome in found.outcomes:
            self._troubles.end(f"evaluation of {outcome.rule.name}")
            what = f"groups of {outcome.rule.name}"
            if outcome.truncated:
                self._troubles.begin(what, _crowded(outcome.rule))
            else:
                self._troubles.end(what)

    def _end_orphans(self, now: datetime) -> int:
        """Ends the alerts of rules that are gone or group by something else now."""
        moved = 0
        with self._journal.transaction() as db:
            live = alerts.live(db)
            about_us = [alert for alert in live if alert.rule.startswith(own.PREFIX)]
            for alert in live:
                change = None if alert in about_us else ending(alert, self._rules.get(alert.rule))
                if change:
                    moved += self._record(db, change, now)
            for change in own.orphans(about_us, self._rules):
                moved += self._record(db, change, now)
        return moved

    def _record(
        self, db: sqlite3.Connection, change: Change, now: datetime, explanation: Explanation | None = None
    ) -> int:
        """Writes a change down; 1 when it is an event."""
        if not change.decision.changed:
            alerts.keep(db, change)
            return 0
        standing = change.decision.standing
        fired = standing.state is State.FIRING
        since = standing.since or change.began or now
        event_id = event_id_of(change.rule, change.key, standing, since, now)
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
            since=since,
            fired_event=event_id if fired else change.fired_event,
            measure=change.measure,
            unit=change.unit,
            summary=change.summary,
            expected=change.expected,
            runbook=change.runbook,
            explanation=explanation,
        )
        alerts.record(db, transition, self._teller, self._dashboard_url)
        self._counters.transitions += 1
        if self._heard:
            self._heard(transition)
        return 1


def _changes(found: _Round, outcome: Outcome) -> Iterable[Change]:
    """What moves of one rule."""
    rule, live = outcome.rule, found.live.get(outcome.rule.name, ())
    return changes(rule, live, outcome.verdicts, found.now, most=MOST_GROUPS, known=outcome.silent)


def _of_spend(rule: Rule, condition: Spend, spent: spend.Spent, live: Sequence[Alert]) -> Outcome:
    """Groups above the limit, dearest first, and those that have an alert."""
    alive = {alert.key for alert in live}
    verdicts = {
        key: condition.verdict(dollars, rule.severity)
        for key, dollars in spent.dollars.items()
        if dollars > condition.limit_usd or key in alive
    }
    verdicts |= {key: condition.verdict(spend.NOTHING, rule.severity) for key in alive if key not in verdicts}
    return Outcome(rule=rule, verdicts=verdicts, truncated=spent.truncated)


def _crowded(rule: Rule) -> str:
    if isinstance(rule.condition, Spend):
        return f"more than {MOST_GROUPS} are above the limit; the dearest are watched"
    return "there are more than are watched, the busiest: group by less, or filter"
