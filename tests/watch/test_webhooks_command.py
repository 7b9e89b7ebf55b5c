"""`llmtrace webhooks`: what a person at the terminal sees of channels and deliveries."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from llmtrace_collector.commands.webhooks import main
from llmtrace_collector.watch import RuleSource
from llmtrace_collector.watch.retries import SCHEDULE_S
from llmtrace_collector.watch.times import system_clock
from watch.helpers import NOON, SECRET, Clock, Engine, Receiver


@pytest.fixture
def rules(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOOK", SECRET)
    monkeypatch.setenv("SLACK", receiver.url("/hidden"))
    file = tmp_path / "rules.yaml"
    file.write_text(
        "channels:\n"
        "  slack: {url_env: SLACK}\n"
        f"  pagerduty: {{routing_key: {'k' * 32}, url: '{receiver.url('')}'}}\n"
        "rules:\n"
        "  - {name: daily-cap, kind: spend, group_by: [user], window: 24h, limit_usd: 5, channels: [slack]}\n"
        "  - name: other\n    kind: spend\n    window: 24h\n    limit_usd: 50\n"
        f"    webhooks: [{{url: '{receiver.url('/hidden')}', secret_env: HOOK}}]\n"
    )
    return file


def test_a_test_notice_goes_the_way_of_alerts(
    rules: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--rules", str(rules), "--notify-allow", "127.0.0.1"]
    host = receiver.url("")
    assert main(["test", "slack", *at]) == 0
    assert main(["test", "pagerduty", *at]) == 0
    assert main(["test", host, *at]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"slack ({host}): firing delivered (204)",
        f"pagerduty ({host}): firing delivered (204)",
        f"pagerduty ({host}): resolved delivered (204)",
        f"{host}: firing delivered (204)",
    ]
    events = [request.json for request in receiver.requests if request.path == "/v2/enqueue"]
    assert [event["event_action"] for event in events] == ["trigger", "resolve"]
    assert events[0]["payload"]["severity"] == "info"
    assert events[0]["dedup_key"] == events[1]["dedup_key"]
    receiver.requests[-1].verify()


def test_a_test_is_refused_where_an_alert_would_be(
    rules: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test", "slack", "--rules", str(rules)]) == 1
    assert (
        "the address 127.0.0.1 (loopback) is not public; if it is meant, allow it with --notify-allow"
        in capsys.readouterr().out
    )
    assert receiver.requests == []
    receiver.answers = [(302, {"location": receiver.url("/elsewhere")})]
    assert main(["test", "slack", "--rules", str(rules), "--notify-allow", "127.0.0.1"]) == 1
    assert "failed: the receiver answered 302" in capsys.readouterr().out
    assert main(["test", "slck", "--rules", str(rules)]) == 2
    assert '"slck" is no channel of' in capsys.readouterr().err


@pytest.fixture
def alice_overspends(engine: Engine) -> None:
    engine.spend(NOON, "6", user="alice")


@pytest.mark.usefixtures("alice_overspends")
def test_what_was_given_up_is_listed_with_the_reason_and_sent_again(
    make_watch: Any, rules: Path, receiver: Receiver, clock: Clock, capsys: Any
) -> None:
    source = RuleSource(rules)
    slack_only = source.found.channels[:1]
    watch = make_watch(source.found.rules[0], channels=slack_only)
    receiver.answers = [(500, {})] * len(SCHEDULE_S)
    watch.evaluate_once()
    for _ in SCHEDULE_S:
        watch.deliver_due()
        clock.advance(days=2)
    at = ["--data", str(rules.parent)]
    assert main(["list", *at, "--rules", str(rules), "--json"]) == 0
    listed = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert set(listed) == {"slack", "pagerduty", receiver.url("")}
    assert (listed["slack"]["failed"], listed["slack"]["waiting"]) == (1, 0)
    assert "disabled since" in listed["slack"]["state"]
    assert "10 attempts in a row failed" in listed["slack"]["state"]
    assert listed["pagerduty"]["state"] == "works"
    assert main(["list", *at]) == 0
    assert "GIVEN UP" in capsys.readouterr().out
    assert main(["redeliver", "nobody", *at]) == 2
    assert main(["redeliver", "slack", *at]) == 0
    assert "1 notices are due again" in capsys.readouterr().out
    clock.now = system_clock()
    watch.deliver_due()
    assert len(receiver.requests) == len(SCHEDULE_S) + 1
    assert len({json.dumps(request.json) for request in receiver.requests}) == 1
    assert (watch.health()["outbox"], watch.health()["outbox_failed"]) == (0, 0)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "right: the signature and the time are as they should be"),
        ({"body": b"{} "}, "NOT RIGHT: no signature is right: the secret is another one, or the body"),
        ({"webhook-id": "msg_2"}, "NOT RIGHT: no signature is right"),
        ({"webhook-signature": ""}, "NOT RIGHT: there is no header webhook-signature; pass the headers on"),
        ({"webhook-timestamp": "soon"}, "NOT RIGHT: webhook-timestamp is not a number of seconds since 1970"),
        ({"age": 301}, "NOT RIGHT: the signature is right, but the attempt is 301 s old, more than 300 s"),
        ({"age": -400}, "NOT RIGHT: the signature is right, but the attempt is 400 s ahead, more than 300 s"),
    ],
)
def test_a_receiver_is_told_whether_a_delivery_is_right_and_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], verdict: str
) -> None:
    from llmtrace_collector.channels.signing import headers, key_of

    now = int(time.time())
    other = "whsec_" + "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXI="
    sent = headers([key_of(other), key_of(SECRET)], message_id="msg_1", timestamp_s=now, body=b"{}")
    Verifier(SECRET).verify(b"{}", sent)  # the reference implementation agrees
    sent |= {name: value for name, value in change.items() if name in sent}
    (tmp_path / "headers").write_text("".join(f"{name.title()}: {value}\n" for name, value in sent.items()))
    (tmp_path / "body").write_bytes(change.get("body", b"{}"))
    (tmp_path / "secret").write_text(SECRET + "\n")
    at = str(now + change.get("age", 0))
    code = main(
        [
            "verify",
            str(tmp_path / "body"),
            "--headers",
            str(tmp_path / "headers"),
            "--secret-file",
            str(tmp_path / "secret"),
            "--at",
            at,
        ]
    )
    said = capsys.readouterr().out
    assert said.startswith(verdict)
    assert code == (0 if said.startswith("right") else 1)
