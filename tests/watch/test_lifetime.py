"""Alerts outlive processes and follow their rules: restarts, removals, edits, foreign state files."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from llmtrace_collector.errors import ConfigError
from watch.helpers import NOON, Clock, Receiver, rule, run


def test_pending_timers_and_firing_survive_a_restart(engine, make_watch, receiver: Receiver, clock: Clock):
    engine.spend(NOON, "6", user="alice")
    held = rule(receiver.url(), hold=timedelta(minutes=10))
    run(make_watch(held))
    clock.advance(minutes=10)
    run(make_watch(held))
    assert receiver.kinds() == ["alert.firing"]
    clock.advance(minutes=1)
    run(make_watch(held))
    assert receiver.kinds() == ["alert.firing"]
    clock.advance(hours=25)
    run(make_watch(held))
    assert receiver.kinds() == ["alert.firing", "alert.resolved"]


def test_a_removed_rule_resolves_to_the_receivers_it_had_fired_to(engine, make_watch, receiver: Receiver):
    engine.spend(NOON, "6", user="alice")
    keeper = rule(receiver.url("/a"), name="keeper", limit="100")
    run(make_watch(rule(receiver.url("/a"), name="goes"), keeper))
    run(make_watch(keeper))
    resolved = receiver.requests[1]
    assert (resolved.kind, resolved.path) == ("alert.resolved", "/a")
    assert resolved.json["data"]["reason"] == "rule_removed"
    assert resolved.json["data"]["value"] == 6


def test_a_removed_rule_whose_webhook_is_gone_too_fails_its_notice_for_all_to_see(engine, make_watch, receiver):
    engine.spend(NOON, "6", user="alice")
    run(make_watch(rule(receiver.url())))
    watch = make_watch()
    run(watch)
    assert receiver.kinds() == ["alert.firing"]
    assert watch.health()["outbox_failed"] == 1
    [row] = engine.rows("SELECT outcome, error FROM alert_deliveries ORDER BY timestamp, attempt DESC LIMIT 1 OFFSET 1")
    assert row == {
        "outcome": "failed",
        "error": "the rules name this channel no more, so its address and secret are not known",
    }


def test_a_rule_that_groups_by_something_else_ends_its_old_alerts(engine, make_watch, receiver: Receiver):
    engine.spend(NOON, "6", user="alice")
    run(make_watch(rule(receiver.url())))
    run(make_watch(rule(receiver.url(), group_by=("model",))))
    found = [
        (request.kind, request.json["data"]["group"], request.json["data"]["reason"]) for request in receiver.requests
    ]
    assert found == [
        ("alert.firing", {"user": "alice"}, "over_limit"),
        ("alert.resolved", {"user": "alice"}, "rule_changed"),
        ("alert.firing", {"model": "gpt-5"}, "over_limit"),
    ]


def test_a_raised_limit_resolves_and_a_webhook_added_later_hears_nothing_of_the_old_episode(
    engine, make_watch, receiver
):
    engine.spend(NOON, "6", user="alice")
    run(make_watch(rule(receiver.url("/a"))))
    run(make_watch(rule(receiver.url("/a"), receiver.url("/late"), limit="7")))
    assert [(request.path, request.kind) for request in receiver.requests] == [
        ("/a", "alert.firing"),
        ("/a", "alert.resolved"),
    ]


def test_a_state_file_that_is_no_database_is_refused_with_a_sentence(make_watch, tmp_path: Path):
    (tmp_path / "watch.db").write_text("this is a text, and a long one: " * 100)
    with pytest.raises(ConfigError, match=r"watch\.db cannot be opened as the watch's database"):
        make_watch()


def test_a_state_file_of_a_newer_version_is_refused(make_watch, tmp_path: Path):
    with sqlite3.connect(tmp_path / "watch.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ConfigError, match="upgrade llmtrace"):
        make_watch()
