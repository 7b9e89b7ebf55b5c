"""The watch through its public door: spend in ClickHouse comes in, signed notices go out."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from standardwebhooks import Webhook as Verifier

from llmtrace_collector.channels.notice import key_of
from llmtrace_collector.watch import evaluator, spend
from watch.helpers import NOON, SECRET, Clock, Engine, Receiver, rule, run


def test_a_group_above_its_limit_fires_with_everything_the_notice_promises(engine, make_watch, receiver: Receiver):
    engine.spend(NOON, "5.25", user="alice")
    engine.spend(NOON, "4.99", user="bob")
    run(make_watch(rule(receiver.url())))
    [request] = receiver.requests
    body = request.json
    link = urlsplit(body["data"].pop("link"))
    assert body == {
        "type": "alert.firing",
        "timestamp": "2026-11-22T12:00:30.000Z",
        "data": {
            "rule": "daily-cap",
            "kind": "spend",
            "group": {"user": "alice"},
            "state": "firing",
            "severity": "critical",
            "reason": "over_limit",
            "value": 5.25,
            "limit": 5,
            "window_s": 86400,
            "since": "2026-11-22T12:00:30.000Z",
            "measure": "cost_usd",
            "unit": "USD",
            "notice": "first",
            "dedup_key": key_of("daily-cap", {"user": "alice"}),
        },
    }
    assert link._replace(query="").geturl() == "http://localhost:8501/traces"
    start = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    times = {"from": [str(int(start.timestamp() * 1000))], "to": [str(int(NOON.timestamp() * 1000))]}
    assert parse_qs(link.query) == times | {"user": ["alice"]}


def test_the_notice_verifies_with_the_reference_implementation(engine, make_watch, receiver: Receiver, clock: Clock):
    clock.now = datetime.now(UTC)
    engine.spend(clock.now, "6", user="alice")
    run(make_watch(rule(receiver.url())))
    [request] = receiver.requests
    request.verify()
    assert request.headers["content-type"] == "application/json"
    with pytest.raises(Exception, match="No matching signature"):
        Verifier(SECRET).verify(request.body + b" ", request.headers)


def test_a_limit_of_five_is_exceeded_by_more_than_five_and_not_by_five(engine, make_watch, receiver: Receiver):
    engine.spend(NOON, "2.5", user="alice")
    engine.spend(NOON, "2.5", user="alice", model="other")
    watch = make_watch(rule(receiver.url()))
    assert run(watch) == 0
    engine.spend(NOON, "0.000000000001", user="alice")
    assert run(watch) == 1
    assert receiver.requests[0].json["data"]["value"] == 5.000000000001


def test_firing_is_told_once_and_resolved_once(engine, make_watch, receiver: Receiver, clock: Clock):
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(rule(receiver.url()))
    for _ in range(3):
        run(watch)
        clock.advance(minutes=1)
    assert receiver.kinds() == ["alert.firing"]
    clock.advance(hours=24)
    for _ in range(3):
        run(watch)
    assert receiver.kinds() == ["alert.firing", "alert.resolved"]
    firing, resolved = receiver.requests
    assert resolved.json["data"]["value"] == 0
    assert resolved.json["data"]["reason"] == "back_under"
    assert resolved.json["data"]["since"] == firing.json["data"]["since"]
    assert firing.id != resolved.id


def test_the_window_is_its_full_minutes_and_the_running_one(engine, make_watch, receiver: Receiver, clock: Clock):
    engine.spend(NOON, "6")
    watch = make_watch(rule(receiver.url(), group_by=(), window=timedelta(minutes=5)))
    clock.now = NOON.replace(minute=5, second=59, microsecond=999_999)
    assert run(watch) == 1
    clock.now = NOON.replace(minute=6, second=0)
    assert run(watch) == 1
    assert receiver.kinds() == ["alert.firing", "alert.resolved"]


def test_spend_of_minutes_to_come_waits_for_them(engine, make_watch, clock: Clock):
    engine.spend(NOON + timedelta(minutes=1), "6", user="alice")
    watch = make_watch(rule())
    assert run(watch) == 0
    clock.advance(minutes=1)
    assert run(watch) == 1


def test_late_spend_counts_in_the_window_it_belongs_to(engine, make_watch, clock: Clock):
    watch = make_watch(rule(window=timedelta(hours=1)))
    assert run(watch) == 0
    engine.spend(NOON - timedelta(minutes=30), "6", user="alice")
    engine.spend(NOON - timedelta(minutes=90), "6", user="bob")
    assert run(watch) == 1


def test_for_holds_the_alert_back_and_a_short_excess_tells_nobody(engine, make_watch, receiver: Receiver, clock: Clock):
    watch = make_watch(rule(receiver.url(), hold=timedelta(minutes=10), window=timedelta(minutes=5)))
    engine.spend(NOON, "6", user="short")
    engine.spend(NOON, "6", user="long")
    run(watch)
    assert watch.health()["pending"] == 2
    for _ in range(10):
        clock.advance(minutes=1)
        engine.spend(clock.now, "6", user="long")
        run(watch)
    [request] = receiver.requests
    assert request.json["data"]["group"] == {"user": "long"}
    assert request.json["data"]["reason"] == "held"
    assert request.json["data"]["since"] == "2026-11-22T12:00:30.000Z"
    history = engine.rows(
        "SELECT state, reason FROM alert_events WHERE group_values['user'] = 'short' ORDER BY timestamp"
    )
    assert [tuple(row.values()) for row in history] == [("pending", "over_limit"), ("inactive", "dropped_back")]


def test_groups_of_user_and_model_and_of_everything(engine, make_watch, receiver: Receiver):
    engine.spend(NOON, "3", user="alice", model="a")
    engine.spend(NOON, "4", user="alice", model="b")
    engine.spend(NOON, "4", user="", model="a")
    rules = [
        rule(receiver.url("/pair"), name="pair", group_by=("user", "model"), limit="3.5"),
        rule(receiver.url("/model"), name="model", group_by=("model",), limit="6"),
        rule(receiver.url("/all"), name="all", group_by=(), limit="10"),
        rule(receiver.url("/project"), name="project", group_by=("project",), limit="10"),
    ]
    run(make_watch(*rules))
    found = {request.path: request.json["data"]["group"] for request in receiver.requests}
    assert found == {
        "/pair": {"user": "alice", "model": "b"},
        "/model": {"model": "a"},
        "/all": {},
        "/project": {"project": "shop"},
    }


def test_a_rule_by_user_leaves_out_calls_without_a_user_but_not_the_overflow(engine, make_watch, receiver: Receiver):
    engine.spend(NOON, "100", user="")
    engine.spend(NOON, "100", user="(other)")
    run(make_watch(rule(receiver.url())))
    [request] = receiver.requests
    assert request.json["data"]["group"] == {"user": "(other)"}
    assert "user=" not in request.json["data"]["link"]


@pytest.mark.parametrize(
    "user", ["o'brien", "ü 😀", 'say "hi"', "{a:String}", "a\\nb", "x" * 3000, "%s %(a)s", "&user=eve"]
)
def test_strange_user_ids_keep_their_name_from_firing_to_resolved(user, engine, make_watch, receiver, clock):
    engine.spend(NOON, "6", user=user)
    engine.spend(NOON, "1", user=user + "2")
    watch = make_watch(rule(receiver.url()))
    run(watch)
    engine.spend(NOON, "-2.5", user=user)
    run(watch)
    groups = [request.json["data"]["group"] for request in receiver.requests]
    assert groups == [{"user": user}, {"user": user}]
    assert receiver.requests[1].json["data"]["value"] == 3.5
    assert parse_qs(urlsplit(receiver.requests[0].json["data"]["link"]).query)["user"] == [user]


def test_a_user_id_that_is_no_utf8_has_one_name_all_the_way(engine: Engine, make_watch, receiver: Receiver):
    row = f"('shop', {int(NOON.timestamp()) // 60 * 60}, unhex('6FFF'), %s)"
    columns = "INSERT INTO spend_1m (project, minute, user_id, cost_usd) VALUES "
    engine.client.command(columns + row % "6")
    watch = make_watch(rule(receiver.url()))
    run(watch)
    engine.client.command(columns + row % "-2")
    run(watch)
    assert [request.json["data"]["value"] for request in receiver.requests] == [6, 4]
    assert [request.json["data"]["group"] for request in receiver.requests] == [{"user": "o�"}] * 2


def test_rules_that_share_window_and_grouping_share_one_query(engine, make_watch):
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(*(rule(name=f"r{n}", limit=str(n + 1)) for n in range(10)))
    asked = []
    query = engine.client.query
    engine.client.query = lambda *a, **k: asked.append(a) or query(*a, **k)
    try:
        watch.evaluate_once()
        watch.evaluate_once()
    finally:
        del engine.client.query
    assert len([query for query in asked if "FROM spend_1m" in query[0]]) == 2
    assert watch.health()["firing"] == 5


def test_more_groups_than_the_bound_keep_the_dearest_and_say_so(engine, make_watch, monkeypatch, clock: Clock):
    monkeypatch.setattr(spend, "MOST_GROUPS", 3)
    monkeypatch.setattr(evaluator, "MOST_GROUPS", 3)
    for n in range(5):
        engine.spend(NOON, str(10 + n), user=f"u{n}")
    watch = make_watch(rule(window=timedelta(minutes=5)))
    watch.evaluate_once()
    assert watch.health()["firing"] == 3 + 1, "the watch says of itself that there are more"
    assert "more than 3 are above the limit" in watch.health()["error"]
    for n in range(5):
        engine.spend(NOON, str(100 - 20 * n), user=f"u{n}")
    assert watch.evaluate_once() == 0
    assert watch.health()["firing"] == 3 + 1
    clock.advance(minutes=10)
    assert watch.evaluate_once() == 3 + 1
    assert watch.health()["error"] is None


def test_a_failing_query_is_visible_keeps_alerts_and_is_logged_once(
    engine: Engine, make_watch, receiver, caplog, clock: Clock
):
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(rule(receiver.url()))
    run(watch)
    evaluated = watch.health()["last_evaluation"]
    clock.advance(days=3)
    engine.down = True
    engine.client.command("RENAME TABLE spend_1m TO spend_1m_away")
    try:
        with caplog.at_level(logging.INFO):
            for _ in range(3):
                run(watch)
            health = watch.health()
            engine.down = False
            run(watch)
    finally:
        engine.client.command("RENAME TABLE spend_1m_away TO spend_1m")
    assert receiver.kinds() == ["alert.firing"]
    assert (health["firing"], health["last_evaluation"]) == (1, evaluated)
    assert "evaluation of daily-cap" in health["error"]
    assert health["counters"]["query_failures"] >= 3
    assert sum("evaluation of daily-cap" in record.message for record in caplog.records) == 1
    run(watch)
    assert watch.health()["error"] is None
    assert receiver.kinds() == ["alert.firing", "alert.resolved"]


def test_a_slow_scan_rests_so_that_it_takes_a_tenth_of_the_time(engine: Engine, make_watch):
    seconds = [0.0]
    asked = []
    query = engine.client.query

    def slow(*args: Any, **options: Any) -> Any:
        asked.append(seconds[0])
        seconds[0] += 2
        return query(*args, **options)

    watch = make_watch(rule(), timer=lambda: seconds[0])
    engine.client.query = slow
    try:
        while seconds[0] < 60:
            watch.evaluate_once(paced=True)
            seconds[0] += 1
    finally:
        del engine.client.query
    assert asked == [0, 20, 40]


@pytest.mark.parametrize(("trace_state", "fires"), [("ot=th:c", True), ("", False)])
def test_a_budget_counts_the_calls_that_sampling_left_out(
    engine, make_watch, receiver: Receiver, trace_state: str, fires: bool
):
    names = ["project", "timestamp", "model", "user_id", "is_call", "status_code", "trace_state", "cost_usd"]
    row = ["shop", NOON, "gpt-5", "alice", True, "UNSET", trace_state, Decimal("1.3")]
    engine.client.insert("spans", [row], column_names=names)
    run(make_watch(rule(receiver.url(), limit="5")))
    assert [request.json["data"]["value"] for request in receiver.requests] == ([5.2] if fires else [])
