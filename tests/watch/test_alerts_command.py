"""`llmtrace alerts`: another process reads and changes what the watch knows."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from llmtrace_collector.commands.alerts import main
from llmtrace_collector.watch.policy import Policy
from llmtrace_collector.watch.policy.settings import Route
from llmtrace_collector.watch.times import system_clock
from watch.helpers import Clock, Engine, Receiver, rule, run


@pytest.fixture
def out(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Runs the command in the data folder of the watch; the lines it says, as JSON."""

    def call(*argv: str, code: int = 0):
        assert main([*argv, "--data", str(tmp_path), "--json"]) == code
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return call


def test_a_silence_made_at_the_terminal_holds_in_the_running_watch_until_it_is_ended_there(
    engine: Engine, make_watch, receiver: Receiver, clock: Clock, out
):
    """With its reason and who asked for it."""
    watch = make_watch(rule(receiver.url()))
    about = ["--for", "2h", "--reason", "a load test", "--who", "bob"]
    [made] = out("silence", 'user=~"a.*"', "rule!=other", *about)
    clock.now = system_clock()
    engine.spend(clock.now, "6", user="alice")
    run(watch)
    assert not receiver.requests
    alert, silence = out("list")
    assert (alert["group"], alert["state"], alert["told"]) == ({"user": "alice"}, "firing", "-")
    assert alert["quiet"] == f"silence {made['id']}: a load test"
    assert silence == {"type": "silence", **made}
    assert silence["matchers"] == ['user=~"a.*"', 'rule!="other"']
    assert out("unsilence", made["id"]) == [{"id": made["id"], "ended": True}]
    clock.now = system_clock()
    run(watch)
    assert receiver.kinds() == ["alert.firing"]
    [alert] = out("list")
    assert alert["told"] != "-"


def test_an_acknowledgement_made_at_the_terminal_stops_repeats(engine, make_watch, receiver, clock: Clock, out):
    """And says who took it on."""
    policy = Policy(route=Route(repeat_interval=timedelta(hours=1)))
    watch = make_watch(rule(receiver.url()), policy=policy)
    engine.spend(clock.now, "6", user="alice")
    engine.spend(clock.now, "6", user="bob")
    run(watch)
    found = out("ack", "user=alice", "--reason", "on it", "--who", "carol")
    assert found == [{"rule": "daily-cap", "group": {"user": "alice"}, "acknowledged": True}]
    clock.advance(hours=1)
    run(watch)
    again = [request.json["data"]["group"]["user"] for request in receiver.requests[2:]]
    assert again == ["bob"]
    assert [row["quiet"] for row in out("list")] == ["acknowledged by carol: on it", "-"]


def test_the_history_says_what_went_out(engine, make_watch, receiver, clock: Clock, out):
    """Newest first."""
    watch = make_watch(rule(receiver.url(), window=timedelta(minutes=1)))
    engine.spend(clock.now, "6", user="alice")
    run(watch)
    clock.advance(minutes=2)
    run(watch)
    rows = out("history")
    assert [(row["type"], row["status"]) for row in rows] == [
        ("alert.resolved", "delivered"),
        ("alert.firing", "delivered"),
    ]
    assert [row["event_id"] for row in rows] == [request.id for request in reversed(receiver.requests)]


def test_a_group_with_escape_sequences_cannot_write_to_the_terminal(
    engine, make_watch, clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Names of users are hostile text."""
    engine.spend(clock.now, "6", user="\x1b[31mred\n")
    run(make_watch(rule()))
    assert main(["list", "--data", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "user ?[31mred?" in lines[1]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["silence", "user", "--for", "2h", "--reason", "r"], '"user" is no matcher; write it like user=alice'),
        (["silence", "user=a", "--for", "2 hours", "--reason", "r"], '--for: "2 hours" is not a duration; write "2h"'),
        (["silence", "user=a", "--until", "2020-01-01", "--reason", "r"], "is over already; write a time to come"),
        (["silence", "user=a", "--for", "2h", "--reason", " "], "--reason: write one line of up to 500 characters"),
        (["unsilence", "nope"], 'there is no silence "nope" in force'),
        (["ack", "user=a", "--reason", "r"], "no alert that fires is meant by these matchers"),
        (["history", "--limit", "0"], "--limit: 0 is not 1 or more"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(make_watch, tmp_path, capsys, argv, sentence):
    """Exit code 2: something for you to change."""
    make_watch(rule())
    assert main([*argv, "--data", str(tmp_path)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_without_a_watch_is_no_place_for_a_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A mistyped folder must not take a silence that holds nowhere."""
    at = ["--data", str(tmp_path / "elsewhere")]
    assert main(["silence", "user=a", "--for", "2h", "--reason", "r", *at]) == 2
    assert "has no watch yet" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()
