"""Two watches on one store: one leads, the other stands by and goes on where it stopped.

The clock of the rules is virtual; leases are short and run by the store's own.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmtrace_collector.commands import alerts as command
from llmtrace_collector.watch import Watch
from support.waiting import wait_for
from watch.helpers import NOON, Clock, Engine, Receiver, Request, local_sender, rule

LEASE_S = 1.5


class Pair:
    """Watches on one store, each with a state file of its own."""

    def __init__(self, engine: Engine, clock: Clock, folder: Path, *rules: Any, lease_s: float = LEASE_S) -> None:
        self.lease_s = lease_s
        self.engine, self.clock, self.folder, self.rules = engine, clock, folder, rules
        self.made: dict[str, Watch] = {}

    def watch(self, name: str) -> Watch:
        if name not in self.made:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            self.made[name] = Watch(
                rules=self.rules,
                connect=self.engine.connect,
                state_path=self.folder / name / "watch.db",
                dashboard_url="http://localhost:8501",
                clock=self.clock,
                random=Random(7),
                post=local_sender(),
                standby=name,
                lease_s=self.lease_s,
            )
        return self.made[name]

    def leads(self, name: str) -> bool:
        """Keeps the lease of `name` and says whether it leads."""
        watch = self.watch(name)
        watch.keep_lease()
        watch.stand_by_once()
        return bool(watch.health()["standby"]["leads"])

    def tick(self, name: str, *, deliver: bool = True, copy: bool = True) -> bool:
        """What the loops of a watch do in a round; whether it led."""
        watch, leads = self.watch(name), self.leads(name)
        if leads:
            watch.evaluate_once()
            if copy:
                watch.copy_once()
        if deliver:
            watch.deliver_due()
        if leads and copy:
            watch.copy_once()
        watch.mirror_once()
        return leads

    def vanish(self, name: str) -> None:
        """As if killed: no lease is given up, nothing more is copied."""
        self.made.pop(name)._journal.close()

    def wait_for_lead(self, name: str) -> None:
        wait_for(lambda: self.leads(name), 20, what=f"{name} to lead")


@pytest.fixture
def make_pair(engine: Engine, clock: Clock, tmp_path: Path) -> Iterator[Callable[..., Pair]]:
    made: list[Pair] = []

    def make(*rules: Any, **options: Any) -> Pair:
        made.append(Pair(engine, clock, tmp_path / f"pair{len(made)}", *rules, **options))
        return made[-1]

    yield make
    for pair in made:
        for watch in pair.made.values():
            watch.stop()


def test_one_of_two_leads_and_people_hear_everything_once(
    engine: Engine, make_pair: Any, receiver: Receiver, clock: Clock
) -> None:
    """The second takes over at a stop, knows what fires, and tells of its end under the name of its beginning."""
    pair = make_pair(rule(receiver.url()))
    engine.spend(NOON, "6", user="alice")
    assert [pair.tick("a"), pair.tick("b"), pair.tick("a"), pair.tick("b")] == [True, False, True, False]
    assert receiver.kinds() == ["alert.firing"]
    assert pair.watch("b").health()["firing"] == 1
    assert pair.watch("b").health()["standby"]["leader"] == "a"
    pair.made.pop("a").stop()
    assert pair.tick("b")
    assert receiver.kinds() == ["alert.firing"]
    clock.advance(hours=25)
    pair.tick("b")
    assert receiver.kinds() == ["alert.firing", "alert.resolved"]
    [fired, resolved] = engine.rows("SELECT event_id, state FROM alert_events ORDER BY timestamp")
    assert (fired["event_id"], resolved["event_id"]) == tuple(request.id for request in receiver.requests)


def test_what_was_decided_and_not_delivered_goes_out_under_the_same_id(
    engine: Engine, make_pair: Any, receiver: Receiver
) -> None:
    pair = make_pair(rule(receiver.url()))
    engine.spend(NOON, "6", user="alice")
    pair.tick("a", deliver=False)
    with closing(sqlite3.connect(pair.folder / "a" / "watch.db")) as db:
        [(decided,)] = db.execute("SELECT event_id FROM notices")
    pair.vanish("a")
    assert not pair.leads("b")
    pair.wait_for_lead("b")
    pair.tick("b")
    assert [(request.kind, request.id) for request in receiver.requests] == [("alert.firing", decided)]


def test_what_the_others_do_not_have_yet_is_not_delivered(engine: Engine, make_pair: Any, receiver: Receiver) -> None:
    """A leader that dies before its decision is copied has told nobody: another decides anew, once."""
    pair = make_pair(rule(receiver.url()))
    engine.spend(NOON, "6", user="alice")
    pair.tick("a", copy=False)
    assert not receiver.requests
    pair.vanish("a")
    pair.wait_for_lead("b")
    pair.tick("b")
    assert receiver.kinds() == ["alert.firing"]


def test_a_leader_that_comes_back_after_its_lease_decides_and_delivers_nothing(
    engine: Engine, make_pair: Any, receiver: Receiver
) -> None:
    """It does not know that it stood still; its lease does."""
    pair = make_pair(rule(receiver.url()))
    pair.tick("a")
    engine.spend(NOON, "6", user="alice")
    pair.watch("a").evaluate_once()
    wait_for(lambda: not pair.watch("a").health()["standby"]["leads"], 10)
    pair.wait_for_lead("b")
    pair.tick("b")
    assert receiver.kinds() == ["alert.firing"]
    pair.watch("a").evaluate_once()
    assert pair.watch("a").deliver_due() == 0
    assert not pair.tick("a")
    assert receiver.kinds() == ["alert.firing"]


def test_a_silence_and_an_acknowledgement_made_on_the_other_hold(
    engine: Engine, make_pair: Any, receiver: Receiver, clock: Clock
) -> None:
    """The commands work on any of the machines."""
    clock.now = now = datetime.now(UTC)
    pair = make_pair(rule(receiver.url()), lease_s=60)
    pair.tick("a")
    pair.tick("b")
    data = str(pair.folder / "b")
    assert command.main(["silence", "user=alice", "--for", "24h", "--reason", "known", "--data", data]) == 0
    clock.advance(minutes=1)
    pair.tick("b")
    engine.spend(now, "6", user="alice")
    engine.spend(now, "7", user="bob")
    pair.tick("a")
    assert [request.json["data"]["group"]["user"] for request in receiver.requests] == ["bob"]
    pair.tick("b")
    assert command.main(["ack", "user=bob", "--reason", "mine", "--who", "eve", "--data", data]) == 0
    pair.tick("b")
    pair.tick("a")
    with closing(sqlite3.connect(pair.folder / "a" / "watch.db")) as db:
        assert db.execute("SELECT ack_who FROM members WHERE group_key LIKE '%bob%'").fetchall() == [("eve",)]
        assert len(db.execute("SELECT * FROM silences").fetchall()) == 1


def test_of_many_that_begin_at_once_one_leads(make_pair: Any, receiver: Receiver) -> None:
    pair = make_pair(rule(receiver.url()))
    names = [f"watch{n}" for n in range(6)]
    for name in names:
        pair.watch(name)
    barrier, leading = threading.Barrier(len(names)), Counter[str]()

    def begin(name: str) -> None:
        barrier.wait()
        leading[name] = pair.leads(name)

    threads = [threading.Thread(target=begin, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(leading.values()) == 1


def test_a_store_that_is_away_silences_nobody_and_doubles_nothing(
    engine: Engine, make_pair: Any, receiver: Receiver, clock: Clock
) -> None:
    """The one that led tells that the store is away, and no more; the other has nothing to say."""
    pair = make_pair(rule(receiver.url()))
    engine.spend(NOON, "6", user="alice")
    pair.tick("a")
    pair.tick("b")
    engine.down = True
    for watch in pair.made.values():
        watch._standby._engine._client = watch._standby.lease._store._client = watch._engine._client = None
    time_out = time.monotonic() + 10

    def cut_off(name: str) -> Watch:
        watch = pair.watch(name)
        watch._guarded("lease", watch.keep_lease)
        watch._guarded("standby", watch.stand_by_once)
        return watch

    wait_for(lambda: not cut_off("a").health()["standby"]["leads"] or time.monotonic() > time_out, 20)
    for minutes in (1, 5):
        clock.advance(minutes=minutes)
        for name in ("a", "b"):
            watch = cut_off(name)
            if watch._standby.decides():
                watch.evaluate_once()
            watch.deliver_due()
    assert [request.json["data"]["rule"] for request in receiver.requests] == ["daily-cap", "llmtrace.store"]
    engine.down = False
    pair.wait_for_lead("a" if pair.leads("a") else "b")
    for name in ("a", "b", "a", "b"):
        pair.tick(name)
    told = [(request.json["data"]["rule"], request.kind) for request in receiver.requests]
    assert told.count(("daily-cap", "alert.firing")) == 1


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    story=st.lists(
        st.sampled_from(["a", "b", "a without delivery", "b without copy", "spend", "later", "kill a", "kill b"]),
        min_size=4,
        max_size=12,
    )
)
def test_whatever_happens_an_episode_is_told_under_one_id(
    story: list[str], engine: Engine, make_pair: Any, receiver: Receiver, clock: Clock
) -> None:
    """Any number of repetitions of a notice have its id; no end is told of what was not begun."""
    for table in ("spend_1m", "watch_leases", "watch_renewals", "watch_state", "watch_asked"):
        engine.client.command(f"TRUNCATE TABLE {table}")
    receiver.requests.clear()
    pair = make_pair(rule(receiver.url(), hold=timedelta(0)))
    for step in story:
        name, _, how = step.partition(" ")
        if step == "spend":
            engine.spend(clock.now, "6", user="alice")
        elif step == "later":
            clock.advance(hours=13)
        elif name == "kill":
            if how in pair.made:
                pair.vanish(how)
        else:
            pair.tick(name, deliver=how != "without delivery", copy=how != "without copy")
        clock.advance(seconds=5)
    pair.wait_for_lead("b")
    pair.tick("b")
    clock.advance(hours=25)
    pair.tick("b")
    pair.tick("b")
    by_id = {request.id: request for request in receiver.requests}
    episodes = [_episode(request) for request in by_id.values()]
    assert len(set(episodes)) == len(episodes)
    firing = {since for kind, since in episodes if kind == "alert.firing"}
    assert firing == {since for kind, since in episodes if kind == "alert.resolved"}


def _episode(request: Request) -> tuple[str, str]:
    return request.kind, request.json["data"]["since"]
