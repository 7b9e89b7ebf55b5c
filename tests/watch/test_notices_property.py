"""Whatever fires, ends, is silenced or inhibited in whatever groups: what people are told is a story that holds."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace_collector.watch.groups import group_key
from llmtrace_collector.watch.journal import Journal
from llmtrace_collector.watch.policy import Policy, Teller, silences
from llmtrace_collector.watch.policy.matchers import parse
from llmtrace_collector.watch.policy.settings import Flapping, Inhibition, Route
from llmtrace_collector.watch.policy.silences import Silence
from llmtrace_collector.watch.severity import Severity
from llmtrace_collector.watch.states import Decision, Reason, Standing, State
from llmtrace_collector.watch.transition import Transition
from watch.helpers import NOON, rule

USERS = "abc"
MINUTE = timedelta(minutes=1)


class World:
    """A journal and a teller, and what is really so."""

    def __init__(self, path: Path, policy: Policy) -> None:
        self.journal = Journal(path)
        self.policy = policy
        self.rules = [rule("https://example.com/hook")]
        self.now = NOON
        self.firing: dict[str, Severity] = {}
        self.fired: dict[str, str] = {}
        self.count = 0
        self.restart()

    def restart(self) -> None:
        self.teller = Teller(rules=self.rules, policy=self.policy, dashboard_url="http://localhost")

    def move(self, user: str, severity: Severity) -> None:
        """The alert of a user fires at a severity, or ends."""
        if severity == self.firing.get(user, Severity.NONE):
            return
        self.count += 1
        event = f"msg_{self.count}"
        was = self.firing.pop(user, None)
        if severity:
            self.firing[user] = severity
            self.fired.setdefault(user, event)
        state = State.FIRING if severity else State.RESOLVED
        reason = Reason.OVER_LIMIT if severity else Reason.BACK_UNDER
        decision = Decision(standing=Standing(state=state, since=self.now), reason=reason, changed=True, notify=True)
        transition = Transition(
            event_id=event,
            at=self.now,
            rule="daily-cap",
            kind="spend",
            key=group_key({"user": user}),
            decision=decision,
            value=Decimal(6),
            limit=Decimal(5),
            window=MINUTE,
            since=self.now,
            fired_event=self.fired[user],
        )
        if not severity:
            del self.fired[user]
        with self.journal.transaction() as db:
            self.teller.note(db, transition, severity or was or Severity.CRITICAL)

    def silence(self, user: str, minutes: int) -> None:
        self.count += 1
        matchers = (parse(f"user={user}"),)
        ends = self.now + minutes * MINUTE
        one = Silence(id=f"s{self.count}", matchers=matchers, begins=self.now, ends=ends, reason="r", who="w")
        with self.journal.transaction() as db:
            silences.put(db, one)

    def silenced(self) -> set[str]:
        with self.journal.transaction() as db:
            return {one.matchers[0].value for one in silences.read(db) if one.holds(self.now)}

    def tell(self) -> list[dict[str, Any]]:
        """One look at everything; the bodies that went into the outbox."""
        with self.journal.transaction() as db:
            [last] = db.execute("SELECT coalesce(max(notice_id), 0) FROM notices").fetchone()
            self.teller.tell(db, self.now)
            rows = db.execute("SELECT body FROM notices WHERE notice_id > ? ORDER BY notice_id", [last]).fetchall()
        return [json.loads(row["body"]) for row in rows]


@contextmanager
def world(policy: Policy) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        made = World(Path(folder) / "watch.db", policy)
        try:
            yield made
        finally:
            made.journal.close()


class Person:
    """The reference model: somebody who believes every notice, and objects to one that makes no sense."""

    def __init__(self) -> None:
        self.open: dict[str, set[str]] = {}
        self.begun: set[str] = set()

    def hears(self, body: dict[str, Any]) -> None:
        data = body["data"]
        known = self.open.setdefault(data["dedup_key"], set())
        alerts = {alert["group"]["user"]: alert["state"] for alert in data.get("alerts", [data])}
        for user, state in alerts.items():
            assert state == "firing" or user in known, f"the end of {user} is told, its beginning was not"
            if state == "firing":
                self.begun |= {user} - known
                known.add(user)
            else:
                known.discard(user)
        resolved = body["type"] == "alert.resolved"
        assert resolved == (not known), "resolved is what the last end is called, and nothing else is"

    def believes(self) -> set[str]:
        return {user for users in self.open.values() for user in users}


severities = st.sampled_from([Severity.NONE, Severity.WARNING, Severity.CRITICAL])
moves = st.tuples(st.just("move"), st.sampled_from(USERS), severities)
quiets = st.tuples(st.just("silence"), st.sampled_from(USERS), st.integers(1, 30))
waits = st.tuples(st.just("wait"), st.integers(0, 40), st.booleans())
steps = st.lists(st.one_of(moves, moves, quiets, waits), max_size=30)
durations = st.sampled_from([0, 5]).map(lambda minutes: minutes * MINUTE)
routes = st.builds(
    Route,
    group_by=st.sampled_from([None, None, (), ("rule",), ("user",)]),
    group_wait=durations,
    group_interval=durations,
    repeat_interval=st.sampled_from([None, 20 * MINUTE]),
)
inhibition = Inhibition(source=(parse("user=a"),), target=(parse("user=b"),))
policies = st.builds(
    Policy,
    route=routes,
    inhibitions=st.sampled_from([(), (inhibition,)]),
    flapping=st.sampled_from([None, None, Flapping(changes=4, window=15 * MINUTE)]),
)


def look(made: World, person: Person) -> None:
    """Whatever goes out is heard, and must not break what was promised."""
    quiet, person.begun = made.silenced(), set()
    for body in made.tell():
        person.hears(body)
    assert not person.begun & quiet, "what is silenced is not told to begin"
    if not made.policy.flapping and not made.policy.route.group_interval:
        assert person.believes() <= set(made.firing), "an end waits for nothing, least of all for a silence"


def take(made: World, what: str, *arguments: Any) -> None:
    """One step of the story."""
    if what == "move":
        made.move(*arguments)
    elif what == "silence":
        made.silence(*arguments)
    else:
        made.now += arguments[0] * MINUTE
        if arguments[1]:
            made.restart()


def rest(made: World, person: Person) -> None:
    """Hours in which nothing happens: silences end, intervals are over, what flapped is stable."""
    for _ in range(3):
        made.now += 60 * MINUTE
        look(made, person)


@settings(max_examples=150, deadline=None)
@given(policies, steps)
def test_people_are_told_a_story_that_holds_and_in_the_end_believe_what_is_so(policy, steps):
    """No end without a beginning, no beginning while it is silenced, and nothing is left open or unsaid."""
    with world(policy) as made:
        person = Person()
        for step in steps:
            take(made, *step)
            look(made, person)
        rest(made, person)
        inhibited = {"b"} if policy.inhibitions and "a" in made.firing else set()
        assert set(made.firing) - inhibited <= person.believes() <= set(made.firing)
        for user in list(made.firing):
            made.move(user, Severity.NONE)
        rest(made, person)
        assert not person.believes()
        with made.journal.transaction() as db:
            for table in ("members", "bundles", "tellings", "turns"):
                assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
            [repeated] = db.execute("SELECT count(*) - count(DISTINCT event_id) FROM notices").fetchone()
        assert repeated == 0


@settings(max_examples=60, deadline=None)
@given(routes, st.sampled_from([Severity.WARNING]))
def test_what_becomes_critical_is_told_at_the_next_look(route, severity):
    """Within the group's interval and the repeat's."""
    with world(Policy(route=route)) as made:
        made.move("a", severity)
        made.now += 10 * MINUTE
        assert made.tell()
        made.move("a", Severity.CRITICAL)
        [body] = made.tell()
        assert (body["type"], body["data"]["notice"]) == ("alert.firing", "escalated")
