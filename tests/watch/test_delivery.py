"""Delivery on a real socket and a virtual clock: schedule, order, throttling, and receivers that misbehave."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta

import pytest

from llmtrace_collector.watch.retries import JITTER, SCHEDULE_S
from watch.helpers import NOON, Clock, Engine, rule

WEEK = timedelta(days=7)


@pytest.fixture
def alice_overspends(engine: Engine) -> None:
    engine.spend(NOON, "6", user="alice")


def outcomes(engine: Engine) -> list[tuple[int, str, int]]:
    rows = engine.rows(
        "SELECT attempt, outcome, http_status FROM alert_deliveries ORDER BY timestamp, event_id, attempt"
    )
    return [(row["attempt"], row["outcome"], row["http_status"]) for row in rows]


@pytest.mark.usefixtures("alice_overspends")
def test_a_dead_receiver_is_tried_ten_times_on_schedule_and_then_given_up(engine, make_watch, receiver, clock: Clock):
    receiver.answers = [(500, {})] * 20
    watch = make_watch(rule(receiver.url()))
    watch.evaluate_once()
    tried = []
    for planned in SCHEDULE_S:
        if planned:
            clock.advance(seconds=planned * (1 - JITTER) - 0.01)
            assert watch.deliver_due() == 0, "before its time"
        clock.advance(seconds=planned * 2 * JITTER + 0.02)
        watch.deliver_due()
        tried.append(receiver.requests[-1])
        assert len(receiver.requests) == len(tried)
    clock.advance(days=30)
    assert watch.deliver_due() == 0
    assert len({request.id for request in tried}) == 1
    assert len({request.body for request in tried}) == 1
    assert len({request.headers["webhook-timestamp"] for request in tried}) == 10
    assert watch.health()["outbox_failed"] == 1
    watch.mirror_once()
    assert outcomes(engine) == [(n, "retry", 500) for n in range(1, 10)] + [(10, "failed", 500)]


@pytest.mark.usefixtures("alice_overspends")
def test_a_redirect_is_a_failure_and_is_not_followed(engine, make_watch, receiver, clock):
    receiver.answers = [
        (302, {"location": receiver.url("/elsewhere")}),
        (307, {"location": receiver.url("/elsewhere")}),
    ]
    watch = make_watch(rule(receiver.url()))
    watch.evaluate_once()
    for _ in range(3):
        watch.deliver_due()
        clock.advance(hours=1)
    watch.mirror_once()
    assert [request.path for request in receiver.requests] == ["/hook"] * 3
    assert outcomes(engine) == [(1, "retry", 302), (2, "retry", 307), (3, "delivered", 204)]


def test_410_disables_the_receiver_for_all_rules_until_it_was_out_of_the_file(engine, make_watch, receiver, clock):
    receiver.answers = [(410, {})]
    one = rule(receiver.url(), receiver.url("/other"), group_by=("user",))
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(one)
    watch.evaluate_once()
    watch.deliver_due()
    engine.spend(NOON, "6", user="bob")
    watch.evaluate_once()
    watch.deliver_due()
    told = [request.path for request in receiver.requests if request.kind != "channel.failed"]
    assert told == ["/hook", "/other", "/other"]
    watch.mirror_once()
    errors = engine.rows("SELECT error FROM alert_deliveries WHERE outcome = 'failed' ORDER BY attempt DESC")
    assert [row["error"] for row in errors] == [
        "the receiver answered 410",
        "the receiver answered 410; disabled since 2026-11-22T12:00:30.000Z",
    ]
    watch = make_watch(rule(receiver.url("/other")))
    watch = make_watch(one)
    engine.spend(NOON, "6", user="carol")
    watch.evaluate_once()
    watch.deliver_due()
    told = [request.path for request in receiver.requests if request.kind != "channel.failed"]
    assert told[3:] == ["/hook", "/other"]


def test_throttling_holds_back_everything_to_that_receiver_and_honours_retry_after(engine, make_watch, receiver, clock):
    receiver.answers = [(429, {"retry-after": "900"})]
    for user in ("alice", "bob"):
        engine.spend(NOON, "6", user=user)
    watch = make_watch(rule(receiver.url()))
    watch.evaluate_once()
    watch.deliver_due()
    clock.advance(seconds=899)
    assert watch.deliver_due() == 0
    assert len(receiver.requests) == 1
    clock.advance(seconds=1)
    assert watch.deliver_due() == 2
    assert len(receiver.requests) == 3


def test_a_refusing_receiver_delays_no_other(engine, make_watch, receiver, clock):
    engine.spend(NOON, "6", user="alice")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    watch = make_watch(rule(f"http://127.0.0.1:{port}/x", receiver.url()))
    watch.evaluate_once()
    assert watch.deliver_due() == 2
    assert receiver.kinds() == ["alert.firing"]
    assert "refused" in watch.health()["error"]
    assert (watch.health()["outbox"], watch.health()["counters"]["retried"]) == (1, 1)


def test_a_receiver_that_talks_no_http_is_retried(engine, make_watch):
    engine.spend(NOON, "6", user="alice")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\x00" * 100 + b"\r\n\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        watch = make_watch(rule(f"http://127.0.0.1:{server.getsockname()[1]}/"))
        watch.evaluate_once()
        watch.deliver_due()
        thread.join()
    assert "the answer is not HTTP" in watch.health()["error"]
    assert watch.health()["outbox"] == 1


def test_an_endless_answer_is_read_to_64_kib_and_its_status_counts(engine, make_watch):
    engine.spend(NOON, "6", user="alice")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def flood() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n")
                try:
                    while True:
                        connection.sendall(b"x" * 65536)
                except OSError:
                    return

        thread = threading.Thread(target=flood)
        thread.start()
        watch = make_watch(rule(f"http://127.0.0.1:{server.getsockname()[1]}/"))
        watch.evaluate_once()
        watch.deliver_due()
        thread.join(10)
        assert not thread.is_alive()
    assert watch.health()["counters"]["delivered"] == 1


@pytest.mark.usefixtures("alice_overspends")
def test_resolved_never_overtakes_its_firing(engine, make_watch, receiver, clock: Clock):
    receiver.answers = [(500, {})] * 2
    watch = make_watch(rule(receiver.url(), window=timedelta(minutes=1)))
    watch.evaluate_once()
    watch.deliver_due()
    clock.advance(minutes=2)
    watch.evaluate_once()
    watch.deliver_due()
    assert receiver.kinds() == ["alert.firing", "alert.firing"]
    clock.advance(minutes=10)
    watch.deliver_due()
    assert receiver.kinds() == ["alert.firing"] * 3 + ["alert.resolved"]


@pytest.mark.usefixtures("alice_overspends")
def test_what_never_reached_a_receiver_is_not_resolved_there(engine, make_watch, receiver, clock: Clock):
    receiver.answers = [(500, {})] * 10
    watch = make_watch(rule(receiver.url()))
    watch.evaluate_once()
    for _ in range(11):
        watch.deliver_due()
        clock.advance(days=2)
    watch.evaluate_once()
    watch.deliver_due()
    assert receiver.kinds() == ["alert.firing"] * 10
    assert (watch.health()["firing"], watch.health()["outbox"], watch.health()["outbox_failed"]) == (0, 0, 1)


@pytest.mark.usefixtures("alice_overspends")
def test_a_resolved_that_waited_for_a_lost_firing_is_given_up_with_it(engine, make_watch, receiver, clock: Clock):
    receiver.answers = [(500, {})] * 10
    watch = make_watch(rule(receiver.url(), window=timedelta(minutes=1)))
    watch.evaluate_once()
    watch.deliver_due()
    clock.advance(minutes=2)
    watch.evaluate_once()
    for _ in range(11):
        clock.advance(days=2)
        watch.deliver_due()
    assert receiver.kinds() == ["alert.firing"] * 10
    assert (watch.health()["outbox"], watch.health()["outbox_failed"]) == (0, 2)
    watch.mirror_once()
    [row] = engine.rows("SELECT error FROM alert_deliveries WHERE attempt = 0")
    assert row["error"] == "its alert.firing was never delivered, so there is nothing to resolve"


@pytest.mark.usefixtures("alice_overspends")
def test_proxies_of_the_environment_are_not_used(engine, make_watch, receiver, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    watch = make_watch(rule(receiver.url()))
    watch.evaluate_once()
    watch.deliver_due()
    assert receiver.kinds() == ["alert.firing"]


def test_settled_notices_are_dropped_after_a_month_but_not_what_a_live_alert_needs(
    engine, make_watch, receiver, clock: Clock
):
    lasting = rule(receiver.url(), name="lasting", window=timedelta(days=40), limit="100", group_by=())
    short = rule(receiver.url(), name="short", window=timedelta(minutes=1))
    engine.spend(NOON, "101", user="alice")
    watch = make_watch(lasting, short)
    for _ in range(5):
        watch.evaluate_once()
        watch.deliver_due()
        clock.advance(days=7.5)
        engine.spend(clock.now, "6", user="alice")
        watch.evaluate_once()
        watch.deliver_due()
        clock.advance(minutes=2)
    watch.evaluate_once()  # day 37: drops what is older than day 7, but for the firing of the lasting alert
    clock.advance(days=4)
    watch.evaluate_once()
    watch.deliver_due()
    with watch._journal.transaction() as db:
        kept = db.execute("SELECT count(*) FROM notices WHERE rule = 'short'").fetchone()[0]
    sent = [request.json for request in receiver.requests]
    assert kept < sum(notice["data"]["rule"] == "short" for notice in sent)
    assert [notice["type"] for notice in sent if notice["data"]["rule"] == "lasting"] == [
        "alert.firing",
        "alert.resolved",
    ]
