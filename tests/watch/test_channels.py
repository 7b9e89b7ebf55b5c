"""From a rule file to a person: every kind of channel, delivered to a receiver that refuses what its service would."""

from __future__ import annotations

import json
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from channels.enforcing import KINDS, refusal
from channels.samples import ROUTING_KEY, channels
from llmtrace_collector.watch import RuleSource
from llmtrace_collector.watch.retries import SCHEDULE_S
from watch.helpers import NOON, SECRET, Clock, Engine, Receiver, Request, rule, run

HOSTILE = '@everyone <!channel> <b>&\r\nBcc: x "\\ \u202e' + "é" * 300


@pytest.fixture
def enforcing(receiver: Receiver) -> Receiver:
    """Refuses with 400 what the service named by the first part of the path would refuse."""

    def judge(request: Request) -> None:
        kind = request.path.split("/")[1]
        why = refusal(kind, request.body, request.headers)
        if why:
            receiver.answers.insert(0, (400, {"x-why": why}))

    receiver.before_answer = judge
    return receiver


@pytest.mark.parametrize("kind", KINDS)
def test_firing_and_resolved_reach_a_service_that_enforces_its_limits(
    engine: Engine, make_watch: Any, enforcing: Receiver, clock: Clock, kind: str
) -> None:
    engine.spend(NOON, "6", user=HOSTILE)
    [channel] = [found for name, found in channels(enforcing.url("")).items() if name == kind]
    watch = make_watch(rule(channels=(channel,), window=timedelta(minutes=1)))
    run(watch)
    clock.advance(minutes=2)
    run(watch)
    assert len(enforcing.requests) == 2
    assert watch.health()["counters"]["delivered"] == 2, watch.health()["error"]
    rows = engine.rows("SELECT DISTINCT webhook FROM alert_deliveries")
    assert rows == [{"webhook": f"{kind} (http://127.0.0.1:{enforcing.port})"}]


def test_a_rotated_secret_signs_beside_the_previous_one(
    engine: Engine, make_watch: Any, receiver: Receiver, tmp_path: Path
) -> None:
    new = "whsec_" + "bmV3IG5ldyBuZXcgbmV3IG5ldyBuZXc="
    (tmp_path / "old-secret").write_text(SECRET + "\n")
    (tmp_path / "rules.yaml").write_text(
        f"channels: {{ours: {{kind: webhook, url: '{receiver.url()}', secret: {new},"
        " previous_secret_file: old-secret}}\n"
        "default_channel: ours\n"
        "rules: [{name: daily-cap, kind: spend, group_by: [user], window: 24h, limit_usd: 5}]\n"
    )
    found = RuleSource(tmp_path / "rules.yaml").found
    engine.spend(NOON, "6", user="alice")
    run(make_watch(*found.rules, channels=found.channels))
    [request] = receiver.requests
    assert request.headers["webhook-signature"].count("v1,") == 2
    for secret in (SECRET, new):
        try:
            request.verify(secret)
        except Exception as error:  # noqa: BLE001 the clock is virtual
            assert "timestamp" in str(error), error  # noqa: PT017


def test_when_a_channel_fails_for_good_its_alert_goes_to_another_which_is_told(
    engine: Engine, make_watch: Any, receiver: Receiver, clock: Clock
) -> None:
    found = channels(receiver.url(""))
    slack, page = found["slack"], found["pagerduty"]
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(rule(channels=(slack,), window=timedelta(days=40)), channels=(slack, page))
    watch.evaluate_once()
    receiver.answers = [(500, {})] * len(SCHEDULE_S)
    for _ in SCHEDULE_S:
        watch.deliver_due()
        clock.advance(days=2)
    watch.deliver_due()
    later = [request for request in receiver.requests if request.path.startswith("/pagerduty")]
    summaries = [request.json["payload"]["summary"] for request in later]
    assert len(later) == 2
    assert any("user-daily-cap" in text or "daily-cap (user alice)" in text for text in summaries)
    assert any("slack" in text and "10 attempts in a row failed" in text for text in summaries)
    engine.spend(clock.now, "6", user="bob")
    watch.evaluate_once()
    watch.deliver_due()  # given up here, as the channel is disabled
    watch.deliver_due()
    assert "bob" in receiver.requests[-1].json["payload"]["summary"]
    assert receiver.requests[-1].path.startswith("/pagerduty")
    assert watch.health()["outbox"] == 0


def test_an_alert_that_resolved_while_its_channel_was_failing_is_resolved_at_the_substitute_too(
    engine: Engine, make_watch: Any, receiver: Receiver, clock: Clock
) -> None:
    found = channels(receiver.url(""))
    slack, page = found["slack"], found["pagerduty"]
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(rule(channels=(slack,), window=timedelta(minutes=1)), channels=(slack, page))
    watch.evaluate_once()
    receiver.answers = [(410, {})]
    clock.advance(minutes=2)
    watch.evaluate_once()
    for _ in range(3):
        watch.deliver_due()
    at_page = [request.json for request in receiver.requests if request.path.startswith("/pagerduty")]
    alert = [event for event in at_page if "channel failed" not in json.dumps(event)]
    assert [event["event_action"] for event in alert] == ["trigger", "resolve"]
    assert len({event["dedup_key"] for event in alert}) == 1


def test_one_notice_that_a_service_does_not_like_does_not_disable_its_channel(
    engine: Engine, make_watch: Any, receiver: Receiver, clock: Clock
) -> None:
    slack = channels(receiver.url(""))["slack"]
    engine.spend(NOON, "6", user="poison")

    def judge(request: Request) -> None:
        if b"poison" in request.body:
            receiver.answers.insert(0, (400, {}))

    receiver.before_answer = judge
    watch = make_watch(rule(channels=(slack,), window=timedelta(days=40)))
    for number in range(len(SCHEDULE_S) + 1):
        watch.evaluate_once()
        watch.deliver_due()
        engine.spend(clock.now, "6", user=f"user {number}")
        watch.evaluate_once()
        clock.advance(days=1.5)
        watch.deliver_due()
    assert watch.health()["outbox_failed"] == 1
    assert watch.health()["outbox"] == 0
    assert watch.health()["counters"]["delivered"] == len(SCHEDULE_S) + 1


def test_a_receiver_that_is_down_costs_one_attempt_at_a_time_and_gets_everything_once_it_is_back(
    engine: Engine, make_watch: Any, receiver: Receiver, clock: Clock
) -> None:
    for number in range(200):
        engine.spend(NOON, "6", user=f"user {number}")
    watch = make_watch(rule(receiver.url()))
    watch.evaluate_once()
    receiver.answers = [(503, {})] * 10_000
    for _ in range(720):  # an hour
        watch.deliver_due()
        clock.advance(seconds=5)
    tried = len(receiver.requests)
    assert tried < 30
    receiver.answers = []
    for _ in range(800):
        watch.deliver_due()
        clock.advance(seconds=30)
    assert watch.health()["outbox"] == 0
    delivered = [request.id for request in receiver.requests[tried:]]
    assert len(delivered) == len(set(delivered)) == 200


def test_notices_follow_a_named_channel_whose_address_is_mended(
    engine: Engine, make_watch: Any, receiver: Receiver, tmp_path: Path
) -> None:
    text = (
        "channels: {ours: {kind: slack, url_file: hook}}\n"
        "rules: [{name: daily-cap, kind: spend, group_by: [user], window: 24h, limit_usd: 5, channels: [ours]}]\n"
    )
    (tmp_path / "rules.yaml").write_text(text)
    (tmp_path / "hook").write_text(receiver.url("/gone"))
    source = RuleSource(tmp_path / "rules.yaml")
    engine.spend(NOON, "6", user="alice")
    engine.spend(NOON, "6", user="bob")
    receiver.answers = [(500, {})]
    watch = make_watch(*source.found.rules, channels=source.found.channels, changed=source.changed)
    assert watch.reload() == 0
    watch.evaluate_once()
    watch.deliver_due()
    receiver.answers = [(410, {})]
    engine.spend(NOON, "6", user="carol")
    watch.evaluate_once()
    watch.deliver_due()
    (tmp_path / "hook").write_text(receiver.url("/right"))
    assert watch.reload() == 1
    engine.spend(NOON, "6", user="dave")
    watch.evaluate_once()
    watch.deliver_due()
    assert receiver.requests[-1].path == "/right"
    assert "dave" in receiver.requests[-1].body.decode()


def test_rules_that_are_edited_wrongly_are_shown_and_the_old_ones_hold(
    engine: Engine, make_watch: Any, receiver: Receiver, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    webhook = f"{{url: '{receiver.url()}', secret: {SECRET}}}"
    sound = f"rules: [{{name: cap, kind: spend, window: 24h, limit_usd: 5, webhooks: [{webhook}]}}]"
    file.write_text(sound)
    source = RuleSource(file)
    watch = make_watch(*source.found.rules, changed=source.changed)
    file.write_text(sound.replace("24h", "a day"))
    watch._guarded("rules", watch.reload)
    assert 'rules[0].window: "a day" is not a duration' in watch.health()["error"]
    engine.spend(NOON, "6")
    run(watch)
    assert receiver.kinds() == ["alert.firing"]
    file.write_text(sound.replace("limit_usd: 5", "limit_usd: 7"))
    watch._guarded("rules", watch.reload)
    assert watch.health()["error"] is None
    run(watch)
    assert receiver.kinds() == ["alert.firing", "alert.resolved"]


def test_a_notice_of_which_no_message_can_be_made_is_given_up_and_the_others_go_on(
    engine: Engine, make_watch: Any, receiver: Receiver, clock: Clock
) -> None:
    slack = channels(receiver.url(""))["slack"]
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(rule(channels=(slack,), window=timedelta(days=40)))
    watch.evaluate_once()
    with watch._journal.transaction() as db:
        db.execute("UPDATE notices SET body = x'6e6f'")
    engine.spend(NOON, "6", user="bob")
    watch.evaluate_once()
    for _ in SCHEDULE_S:
        watch.deliver_due()
        clock.advance(days=1.5)
    assert "no message can be made of the notice (JSONDecodeError)" in str(watch.health()["error"])
    assert (watch.health()["outbox"], watch.health()["outbox_failed"]) == (0, 1)
    assert len(receiver.requests) == 1


def test_no_secret_of_any_channel_is_in_a_log_a_table_or_the_state(
    engine: Engine, make_watch: Any, receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [(410, {})] * 100
    engine.spend(NOON, "6", user="alice")
    everyone = tuple(channels(receiver.url("/hidden")).values())
    watch = make_watch(rule(channels=everyone))
    with caplog.at_level("DEBUG"):
        for _ in range(4):
            run(watch)
    assert len(receiver.requests) >= len(everyone)
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("watch.db*")).decode("latin-1")
    rows = str(engine.rows("SELECT * FROM alert_deliveries")) + str(engine.rows("SELECT * FROM alert_events"))
    for place in (caplog.text, kept, rows, str(watch.health())):
        assert not any(
            secret in place for secret in ("hidden", ROUTING_KEY, "genie-key", SECRET.removeprefix("whsec_"))
        )


def test_a_state_file_of_the_version_before_is_taken_over(
    engine: Engine, make_watch: Any, receiver: Receiver, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "watch.db") as old:
        old.executescript(
            "CREATE TABLE endpoints (endpoint TEXT PRIMARY KEY, not_before_ms INTEGER NOT NULL DEFAULT 0,"
            " disabled_ms INTEGER) STRICT, WITHOUT ROWID;"
            "CREATE TABLE alerts (rule TEXT NOT NULL, group_key TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,"
            " since_ms INTEGER NOT NULL, fired_event TEXT, value TEXT NOT NULL, limit_value TEXT NOT NULL,"
            " window_s INTEGER NOT NULL, PRIMARY KEY (rule, group_key)) STRICT, WITHOUT ROWID;"
            "CREATE TABLE notices (notice_id INTEGER PRIMARY KEY, event_id TEXT NOT NULL, resolves TEXT,"
            " rule TEXT NOT NULL, group_key TEXT NOT NULL, endpoint TEXT NOT NULL, webhook TEXT NOT NULL,"
            " body BLOB NOT NULL, status TEXT NOT NULL DEFAULT 'waiting', attempts INTEGER NOT NULL DEFAULT 0,"
            " due_ms INTEGER NOT NULL, in_flight INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL,"
            " UNIQUE (event_id, endpoint)) STRICT;"
            "INSERT INTO endpoints (endpoint, disabled_ms)"
            " VALUES ('someone', 1); PRAGMA user_version = 1;"
        )
    old.close()
    engine.spend(NOON, "6", user="alice")
    receiver.answers = [(429, {"retry-after": "1"})]
    watch = make_watch(rule(receiver.url()))
    run(watch)
    assert watch.health()["counters"]["retried"] == 1
