"""What is written down: all of a transition or nothing, copied to ClickHouse once, and never a secret."""

from __future__ import annotations

import logging
import sqlite3
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from watch.helpers import NOON, SECRET, Clock, Engine, Receiver, rule, run

TOLD = ("severity", "measure", "unit", "summary", "expected_low", "expected_high", "runbook")


def test_transitions_and_attempts_are_copied_to_clickhouse_once(engine: Engine, make_watch, receiver, clock: Clock):
    engine.spend(NOON, "6.123456789012", user="alice")
    watch = make_watch(rule(receiver.url("/secret-path")))
    run(watch)
    [request] = receiver.requests
    event_id = request.id
    [event] = engine.rows("SELECT * EXCEPT (link, explanation, attributes, examples, explained_link) FROM alert_events")
    assert event.pop("timestamp").replace(tzinfo=UTC) == event.pop("since").replace(tzinfo=UTC) == NOON
    told = {name: event.pop(name) for name in TOLD}
    assert {name: str(value) for name, value in event.items()} == {
        "event_id": event_id,
        "project": "",
        "rule": "daily-cap",
        "kind": "spend",
        "group_key": '{"user":"alice"}',
        "group_values": "{'user': 'alice'}",
        "state": "firing",
        "reason": "over_limit",
        "value": "6.123456789012",
        "limit_value": "5.000000000000",
        "window_s": "86400",
    }
    assert told["severity"] == request.json["data"]["severity"] == "critical"
    assert (told["measure"], told["unit"]) == ("cost_usd", request.json["data"]["unit"])
    assert told["summary"] == ""  # the rule has no words of its own
    assert (told["expected_low"], told["expected_high"], told["runbook"]) == (None, None, "")
    [attempt] = engine.rows("SELECT * EXCEPT (timestamp) FROM alert_deliveries")
    assert attempt == {
        "event_id": event_id,
        "webhook": receiver.url(""),
        "attempt": 1,
        "outcome": "delivered",
        "http_status": 204,
        "error": "",
    }
    assert watch.mirror_once() == 0


def test_a_store_that_is_down_loses_no_history_and_a_repeated_insert_adds_none(engine, make_watch, receiver):
    engine.spend(NOON, "6", user="alice")
    engine.spend(NOON, "6", user="bob")
    watch = make_watch(rule(receiver.url()))
    watch.evaluate_once()
    insert = engine.client.insert
    tokens = []

    def stored_but_unanswered(*args: Any, **options: Any) -> None:
        insert(*args, **options)
        tokens.append(options["settings"]["insert_deduplication_token"])
        raise OSError("connection reset")

    engine.client.insert = stored_but_unanswered
    try:
        assert watch.mirror_once() == watch.mirror_once() == 0
    finally:
        del engine.client.insert
    assert watch.health()["unmirrored"] == 2
    assert "alert history" in watch.health()["error"]
    assert watch.mirror_once() == 2
    events = [row["event_id"] for row in engine.rows("SELECT event_id FROM alert_events")]
    assert len(events) == 2
    assert tokens[0] == tokens[1]
    assert tokens[0] in events
    assert (watch.health()["unmirrored"], watch.health()["error"]) == (0, None)


def test_a_transition_and_its_notices_are_one_step(engine, make_watch, receiver: Receiver, tmp_path: Path):
    """A fault between the two leaves neither, and the next evaluation makes both."""
    engine.spend(NOON, "6", user="alice")
    watch = make_watch(rule(receiver.url()))
    with sqlite3.connect(tmp_path / "watch.db") as other:
        other.execute("CREATE TRIGGER fault BEFORE INSERT ON outgoing BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
    with pytest.raises(sqlite3.Error, match="disk is full"):
        watch.evaluate_once()
    assert (watch.health()["firing"], watch.health()["outbox"]) == (0, 0)
    with sqlite3.connect(tmp_path / "watch.db") as other:
        other.execute("DROP TRIGGER fault")
    other.close()
    watch.evaluate_once()
    assert (watch.health()["firing"], watch.health()["outbox"]) == (1, 1)


def test_secrets_stand_in_no_repr_log_or_database(engine, make_watch, receiver, tmp_path: Path, caplog):
    engine.spend(NOON, "6", user="alice")
    guarded = rule(receiver.url("/path-token"), "http://127.0.0.1:9/path-token")
    watch = make_watch(guarded)
    with caplog.at_level(logging.DEBUG, logger="llmtrace_collector"):
        run(watch)
    key = "a secret of twenty-four!"
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("watch.db*"))
    for place in (repr(guarded), caplog.text, kept.decode("latin-1"), str(watch.health())):
        assert SECRET not in place
        assert SECRET.removeprefix("whsec_") not in place
        assert key not in place
        assert "path-token" not in place
