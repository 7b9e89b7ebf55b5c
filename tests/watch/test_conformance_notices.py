"""What an alerting user expects of notices, one test each: a virtual clock, a real receiver, a real engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from llmtrace_collector.channels import Webhook
from llmtrace_collector.channels.signing import key_of
from llmtrace_collector.watch.journal import Journal
from llmtrace_collector.watch.policy import Policy, silences
from llmtrace_collector.watch.policy.matchers import parse
from llmtrace_collector.watch.policy.settings import Flapping, Heartbeat, Inhibition, MuteTime, Route
from llmtrace_collector.watch.policy.silences import SQL, Silence
from llmtrace_collector.watch.times import to_ms
from watch.helpers import NOON, SECRET, Clock, Engine, Receiver, Request, rule, run

WINDOW = timedelta(minutes=1)


def m(*texts: str) -> tuple[Any, ...]:
    return tuple(parse(text) for text in texts)


def silence(*matchers: str, begins: datetime = NOON, minutes: float = 60, name: str = "quiet") -> Silence:
    ends = begins + timedelta(minutes=minutes)
    return Silence(id=name, matchers=m(*matchers), begins=begins, ends=ends, reason="planned", who="alice")


@pytest.fixture
def journal(tmp_path: Path):
    """The journal as another process has it."""
    found: list[Journal] = []

    class Other:
        def put(self, one: Silence) -> None:
            with self.db() as db:
                silences.put(db, one)

        def db(self):
            if not found:
                found.append(Journal(tmp_path / "watch.db"))
            return found[0].transaction()

    yield Other()
    for each in found:
        each.close()


def users(request: Request) -> list[str]:
    data = request.json["data"]
    return [alert["group"]["user"] for alert in data["alerts"]] if "alerts" in data else [data["group"]["user"]]


def told(receiver: Receiver) -> list[tuple[str, str]]:
    return [(request.kind, request.json["data"]["notice"]) for request in receiver.requests]


def brief(*urls: str, **options: Any):
    """A rule whose spend is over after a minute."""
    return rule(*urls, window=WINDOW, **options)


def test_without_a_policy_an_alert_is_told_once_at_once_and_its_end_once(engine, make_watch, receiver, clock: Clock):
    """Existing files behave as they did."""
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(brief(receiver.url()))
    for _ in range(3):
        run(watch)
        clock.advance(minutes=5)
    assert told(receiver) == [("alert.firing", "first"), ("alert.resolved", "resolved")]
    assert len({request.json["data"]["dedup_key"] for request in receiver.requests}) == 1


def test_a_silenced_alert_is_told_to_nobody_and_neither_is_its_end(engine, make_watch, receiver, clock, journal):
    """Resolved is sent if and only if firing was."""
    watch = make_watch(brief(receiver.url()))
    journal.put(silence("user=alice"))
    engine.spend(NOON, "6", user="alice")
    engine.spend(NOON, "6", user="bob")
    run(watch)
    clock.advance(minutes=5)
    run(watch)
    assert [users(request) for request in receiver.requests] == [["bob"], ["bob"]]
    assert receiver.kinds() == ["alert.firing", "alert.resolved"]


def test_a_silence_that_ends_leaves_what_still_fires_to_be_told(engine, make_watch, receiver, clock, journal):
    """It is put off, not lost."""
    watch = make_watch(rule(receiver.url()))
    journal.put(silence('user=~"a.*"', minutes=10))
    engine.spend(NOON, "6", user="alice")
    run(watch)
    clock.advance(minutes=9)
    run(watch)
    assert not receiver.requests
    clock.advance(minutes=1)
    run(watch)
    assert told(receiver) == [("alert.firing", "first")]


def test_an_alert_that_was_told_is_resolved_though_it_is_silenced_by_then(engine, make_watch, receiver, clock, journal):
    """A page that nobody closes is worse than one more message."""
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(brief(receiver.url()))
    run(watch)
    journal.put(silence("user=alice"))
    clock.advance(minutes=5)
    run(watch)
    assert receiver.kinds() == ["alert.firing", "alert.resolved"]


def test_silences_survive_a_restart_and_an_edit_of_the_rules(engine, make_watch, receiver, clock, journal):
    """They are in the journal, not in the rule file."""
    journal.put(silence("user=alice"))
    make_watch(rule(receiver.url()))
    engine.spend(NOON, "6", user="alice")
    run(make_watch(rule(receiver.url(), limit="3"), rule(receiver.url(), name="other")))
    assert not receiver.requests


def test_a_repeat_interval_says_it_again_under_another_id_and_the_same_key(engine, make_watch, receiver, clock: Clock):
    """And not before the interval is over."""
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(rule(receiver.url()), policy=Policy(route=Route(repeat_interval=timedelta(hours=4))))
    for _ in range(9):
        run(watch)
        clock.advance(hours=1)
    assert told(receiver) == [("alert.firing", "first"), ("alert.firing", "repeat"), ("alert.firing", "repeat")]
    assert len({request.id for request in receiver.requests}) == 3
    assert len({request.json["data"]["dedup_key"] for request in receiver.requests}) == 1


def test_a_receiver_that_is_down_for_hours_gets_one_notice_and_not_its_repeats(
    engine, make_watch, receiver, clock: Clock
):
    """What still waits says the same as its repeat would."""
    engine.spend(NOON, "6", user="alice")
    receiver.answers = [(503, {})] * 100
    watch = make_watch(rule(receiver.url()), policy=Policy(route=Route(repeat_interval=timedelta(minutes=10))))
    for _ in range(12):
        run(watch)
        clock.advance(minutes=10)
    assert watch.health()["outbox"] == 1
    receiver.answers = []
    receiver.requests.clear()
    for _ in range(20):
        clock.advance(minutes=30)
        run(watch)
    ids = [request.id for request in receiver.requests]
    assert len(set(ids)) == len(ids)
    assert told(receiver)[0] == ("alert.firing", "first")


def test_why_people_are_not_told_stands_in_the_history(engine, make_watch, receiver, clock: Clock, journal):
    """Once for each reason, beside the attempts."""
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(
        rule(receiver.url()), policy=Policy(route=Route(group_by=("rule",), group_wait=timedelta(hours=1)))
    )
    journal.put(silence("user=alice", minutes=5))
    for minutes in (1, 1, 10, 1):
        run(watch)
        watch.mirror_once()
        clock.advance(minutes=minutes)
    rows = engine.rows("SELECT outcome, error, attempt FROM alert_deliveries ORDER BY timestamp")
    assert [tuple(row.values()) for row in rows] == [("held", "silenced", 0), ("held", "group_wait", 0)]
    assert not receiver.requests


def test_the_repeat_timer_survives_a_restart(engine, make_watch, receiver, clock: Clock):
    """Neither early nor from the beginning."""
    engine.spend(NOON, "6", user="alice")
    policy = Policy(route=Route(repeat_interval=timedelta(hours=4)))
    run(make_watch(rule(receiver.url()), policy=policy))
    clock.advance(hours=3)
    run(make_watch(rule(receiver.url()), policy=policy))
    assert len(receiver.requests) == 1
    clock.advance(hours=1)
    run(make_watch(rule(receiver.url()), policy=policy))
    assert told(receiver)[-1] == ("alert.firing", "repeat")


def test_an_acknowledged_alert_is_not_repeated_and_its_end_is_told(engine, make_watch, receiver, clock, journal):
    """Whoever took it on knows; all others want to hear that it is over."""
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(rule(receiver.url()), policy=Policy(route=Route(repeat_interval=timedelta(hours=1))))
    run(watch)
    with journal.db() as db:
        about = {"rule": "daily-cap", "group_key": '{"user":"alice"}', "who": "a", "reason": "b"}
        db.execute(SQL["acknowledge"], about | {"now_ms": to_ms(clock())})
    for _ in range(26):
        clock.advance(hours=1)
        run(watch)
    assert told(receiver) == [("alert.firing", "first"), ("alert.resolved", "resolved")]


GROUPED = Route(group_by=("rule",), group_wait=timedelta(seconds=30), group_interval=timedelta(minutes=5))


def test_alerts_that_begin_within_the_group_wait_are_one_notice(engine, make_watch, receiver, clock: Clock):
    """It lists them, and counts them."""
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(rule(receiver.url()), policy=Policy(route=GROUPED))
    run(watch)
    assert not receiver.requests
    engine.spend(NOON, "7", user="bob")
    clock.advance(seconds=30)
    run(watch)
    [request] = receiver.requests
    data = request.json["data"]
    assert (users(request), data["count"], data["firing"]) == (["alice", "bob"], 2, 2)
    assert data["summary"] == "2 firing: daily-cap alice, daily-cap bob."


def test_a_group_is_told_of_what_is_new_after_its_interval(engine, make_watch, receiver, clock: Clock):
    """The notice shows all that fires; the key stays, the id does not."""
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(rule(receiver.url()), policy=Policy(route=GROUPED))
    run(watch)
    clock.advance(seconds=30)
    run(watch)
    engine.spend(clock.now, "6", user="bob")
    clock.advance(minutes=4)
    run(watch)
    assert len(receiver.requests) == 1
    clock.advance(minutes=1)
    run(watch)
    first, second = receiver.requests
    assert users(second) == ["alice", "bob"]
    assert first.json["data"]["dedup_key"] == second.json["data"]["dedup_key"]
    assert first.id != second.id


def test_a_group_is_resolved_when_the_last_of_it_is(engine, make_watch, receiver, clock: Clock):
    """Before that a notice says which ended, and is still firing."""
    route = Route(group_by=())
    engine.spend(NOON, "6", user="alice")
    engine.spend(NOON + timedelta(minutes=3), "6", user="bob")
    watch = make_watch(rule(receiver.url(), window=timedelta(minutes=5)), policy=Policy(route=route))
    for _ in range(12):
        run(watch)
        clock.advance(minutes=1)
    assert [(request.kind, users(request)) for request in receiver.requests] == [
        ("alert.firing", ["alice"]),
        ("alert.firing", ["alice", "bob"]),
        ("alert.firing", ["alice", "bob"]),
        ("alert.resolved", ["bob"]),
    ]
    states = [alert["state"] for alert in receiver.requests[2].json["data"]["alerts"]]
    assert states == ["resolved", "firing"]


def test_an_alert_that_ends_within_the_group_wait_is_never_told(engine, make_watch, receiver, clock: Clock):
    """Neither its beginning nor its end."""
    engine.spend(NOON, "6", user="alice")
    route = Route(group_by=("rule",), group_wait=timedelta(minutes=10))
    watch = make_watch(brief(receiver.url()), policy=Policy(route=route))
    for _ in range(20):
        run(watch)
        clock.advance(minutes=1)
    assert not receiver.requests


def test_a_source_that_fires_in_the_same_evaluation_inhibits_its_target(engine, make_watch, receiver, clock: Clock):
    """Whatever the order of the rules; the target is told when the source has ended, if it still fires."""
    inhibition = Inhibition(source=m("rule=all"), target=m("rule!=all"), equal=())
    engine.spend(NOON, "6", user="alice")
    rules = rule(receiver.url()), brief(receiver.url(), name="all", group_by=())
    watch = make_watch(*rules, policy=Policy(inhibitions=[inhibition]))
    run(watch)
    assert [request.json["data"]["rule"] for request in receiver.requests] == ["all"]
    clock.advance(minutes=5)
    run(watch)
    assert sorted(request.json["data"]["rule"] for request in receiver.requests[1:]) == ["all", "daily-cap"]


def test_inhibition_needs_equal_labels_where_it_says_so(engine, make_watch, receiver, clock: Clock):
    """A source of one user keeps another one's alert from nobody."""
    inhibition = Inhibition(source=m("rule=source"), target=m("rule=target"), equal=("user",))
    engine.spend(NOON, "6", user="alice")
    engine.spend(NOON, "4", user="bob")
    rules = rule(receiver.url(), name="target", limit="3"), rule(receiver.url(), name="source")
    run(make_watch(*rules, policy=Policy(inhibitions=[inhibition])))
    found = {(request.json["data"]["rule"], *users(request)) for request in receiver.requests}
    assert found == {("source", "alice"), ("target", "bob")}


def berlin(begins: time, ends: time) -> MuteTime:
    days = frozenset(range(7))
    return MuteTime(name="nights", weekdays=days, begins=begins, ends=ends, zone=ZoneInfo("Europe/Berlin"))


def test_a_mute_time_puts_off_what_begins_in_it(engine, make_watch, receiver, clock: Clock):
    """NOON is 13:00:30 in Berlin."""
    policy = Policy(route=Route(mute=(berlin(time(13), time(14)),)))
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(rule(receiver.url()), policy=policy)
    run(watch)
    clock.advance(minutes=59)
    run(watch)
    assert not receiver.requests
    clock.advance(minutes=1)
    run(watch)
    assert told(receiver) == [("alert.firing", "first")]


@pytest.mark.parametrize(
    ("utc", "muted"),
    [
        ("2026-03-28T21:30", True),  # Saturday 22:30, winter
        ("2026-03-29T04:30", True),  # Sunday 06:30, summer since 02:00
        ("2026-03-29T05:00", False),  # 07:00
        ("2026-03-29T20:30", True),  # 22:30, summer
        ("2026-03-29T19:30", False),  # 21:30
        ("2026-10-25T05:30", True),  # 06:30, winter again
        ("2026-10-25T06:00", False),
    ],
)
def test_a_mute_time_goes_by_the_wall_clock_over_changes_of_daylight_saving(utc: str, muted: bool):
    """22:00 to 07:00 in Berlin is another nine hours of UTC in summer."""
    assert berlin(time(22), time(7)).holds(datetime.fromisoformat(utc).replace(tzinfo=UTC)) is muted


def test_past_midnight_the_day_it_began_on_counts():
    """Friday from 22:00 ends on Saturday at 07:00, and Friday morning is not in it."""
    fridays = MuteTime(name="f", weekdays=frozenset({4}), begins=time(22), ends=time(7), zone=ZoneInfo("UTC"))
    friday = datetime(2026, 11, 27, tzinfo=UTC)
    found = [fridays.holds(friday + timedelta(hours=hour)) for hour in (6, 21, 22, 30, 31, 46)]
    assert found == [False, False, True, True, False, False]


def test_what_flaps_is_told_once_and_then_not_until_it_is_stable(engine, make_watch, receiver, clock: Clock):
    """The fourth change is the notice; the end comes after an hour of peace."""
    policy = Policy(flapping=Flapping(changes=4, window=timedelta(hours=1)))
    watch = make_watch(brief(receiver.url()), policy=policy)
    for minute in range(0, 40, 4):
        clock.now = NOON + timedelta(minutes=minute)
        engine.spend(clock.now, "6", user="alice")
        run(watch)
        clock.advance(minutes=2)
        run(watch)
    ordinary = [("alert.firing", "first"), ("alert.resolved", "resolved"), ("alert.firing", "first")]
    assert told(receiver) == [*ordinary, ("alert.firing", "flapping")]
    clock.advance(minutes=59)
    run(watch)
    assert len(receiver.requests) == 4
    clock.advance(minutes=1)
    run(watch)
    assert told(receiver)[4:] == [("alert.resolved", "resolved")]
    assert len({request.id for request in receiver.requests}) == 5


def test_a_heartbeat_comes_at_every_interval_while_rules_are_evaluated(engine, make_watch, receiver, clock: Clock):
    """And stays out when they are not, which is what tells."""
    channel = Webhook(name="dog", url=receiver.url("/dog"), keys=(key_of(SECRET),))
    policy = Policy(heartbeat=Heartbeat(interval=timedelta(minutes=5), channels=(channel,)))
    watch = make_watch(rule(), policy=policy, channels=(channel,))
    for _ in range(11):
        run(watch)
        clock.advance(minutes=1)
    assert receiver.kinds() == ["heartbeat"] * 3
    engine.down = True
    watch = make_watch(rule(), policy=policy, channels=(channel,))
    clock.advance(minutes=30)
    run(watch)
    assert len(receiver.requests) == 3


def test_a_route_takes_over_what_it_matches_with_its_channels(engine, make_watch, receiver, clock: Clock):
    """For rules that name no channels of their own."""
    pager = Webhook(name="pager", url=receiver.url("/pager"), keys=(key_of(SECRET),))
    chat = Webhook(name="chat", url=receiver.url("/chat"), keys=(key_of(SECRET),))
    route = Route(channels=(chat,), routes=(Route(matchers=m('user=~"a.*|c.*"'), channels=(pager,)),))
    policy = Policy(route=route, routed=frozenset({"daily-cap"}))
    for user in ("alice", "bob"):
        engine.spend(NOON, "6", user=user)
    rules = rule(), rule(receiver.url("/own"), name="own", group_by=())
    run(make_watch(*rules, policy=policy, channels=(pager, chat)))
    found = {(request.path, json.dumps(request.json["data"]["group"])) for request in receiver.requests}
    assert found == {("/pager", '{"user": "alice"}'), ("/chat", '{"user": "bob"}'), ("/own", "{}")}


def test_what_was_decided_and_not_yet_told_is_told_after_a_restart(engine, make_watch, receiver, clock: Clock):
    """A group that waits goes on waiting, in another process."""
    engine.spend(NOON, "6", user="alice")
    run(make_watch(rule(receiver.url()), policy=Policy(route=GROUPED)))
    clock.advance(seconds=30)
    run(make_watch(rule(receiver.url()), policy=Policy(route=GROUPED)))
    assert [users(request) for request in receiver.requests] == [["alice"]]


def test_a_clock_that_is_set_back_tells_nothing_twice(engine: Engine, make_watch, receiver, clock: Clock):
    """Repeats wait until the time is there again."""
    engine.spend(NOON - timedelta(hours=3), "6", user="alice")
    watch = make_watch(rule(receiver.url()), policy=Policy(route=Route(repeat_interval=timedelta(hours=1))))
    run(watch)
    clock.advance(hours=-2)
    run(watch)
    assert told(receiver) == [("alert.firing", "first")]
