"""The whole collector, killed between decision and delivery: what was decided is delivered, under the same id."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from support.services import Stack, stack_at
from support.waiting import wait_for
from watch.helpers import SECRET, Receiver, Request


def overspend(stack: Stack) -> None:
    client = stack.owner()
    row = ["shop", datetime.now(UTC).replace(second=0, microsecond=0), "gpt-5", "alice", 1, Decimal(6)]
    names = ["project", "minute", "model", "user_id", "calls", "cost_usd"]
    client.insert("spend_1m", [row], column_names=names)
    client.close()


@pytest.mark.processes
def test_a_collector_killed_while_a_receiver_keeps_it_waiting_delivers_when_it_is_back(
    tmp_path: Path, receiver: Receiver
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "rules.yaml").write_text(
        f"channels: {{webhook: {{url: '{receiver.url()}', secret_file: secret}}}}\n"
        "default_channel: webhook\n"
        "rules: [{name: daily-cap, kind: spend, group_by: [user], window: 24h, limit_usd: 5}]\n"
    )
    options = ["--rules", str(tmp_path / "rules.yaml"), "--notify-allow", "127.0.0.1", "--watch-interval", "0.2"]
    killed = threading.Event()

    def keep_waiting(_: Request) -> None:
        killed.wait(60)

    receiver.before_answer = keep_waiting
    with stack_at(tmp_path) as stack:
        stack.store()
        collector = stack.collector(*options)
        stack.wait_migrated()
        overspend(stack)
        wait_for(lambda: receiver.requests, what="the first attempt")
        collector.kill()
        killed.set()
        receiver.before_answer = lambda _: None
        stack.collector(*options)
        wait_for(lambda: len(receiver.requests) >= 2, what="the attempt after the restart")
    first, again = receiver.requests
    assert (first.id, first.body) == (again.id, again.body)
    for request in (first, again):
        request.verify()
        assert request.json["data"]["group"] == {"user": "alice"}


def rows(stack: Stack, table: str) -> int:
    with closing(sqlite3.connect(f"file:{stack.data / 'watch.db'}?mode=ro", uri=True)) as db:
        found: int = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found


@pytest.mark.processes
def test_a_collector_killed_while_a_group_waits_tells_of_it_once_when_it_is_back(
    tmp_path: Path, receiver: Receiver
) -> None:
    """The alert has fired, and its notice is not even in the outbox."""
    (tmp_path / "secret").write_text(SECRET)
    rules = (
        f"channels: {{webhook: {{url: '{receiver.url()}', secret_file: secret}}}}\n"
        "default_channel: webhook\n"
        "route: {group_by: [rule], group_wait: WAIT}\n"
        "rules: [{name: daily-cap, kind: spend, group_by: [user], window: 24h, limit_usd: 5}]\n"
    )
    file = tmp_path / "rules.yaml"
    file.write_text(rules.replace("WAIT", "1h"))
    options = ["--rules", str(file), "--notify-allow", "127.0.0.1", "--watch-interval", "0.2"]
    with stack_at(tmp_path) as stack:
        stack.store()
        collector = stack.collector(*options)
        stack.wait_migrated()
        overspend(stack)
        wait_for(lambda: rows(stack, "members"), what="the alert in its group")
        collector.kill()
        assert rows(stack, "notices") == 0
        file.write_text(rules.replace("WAIT", "0s"))
        stack.collector(*options)
        wait_for(lambda: receiver.requests, what="the notice after the restart")
        wait_for(lambda: rows(stack, "notices WHERE status = 'delivered'"), what="its record")
    [request] = receiver.requests
    request.verify()
    assert [alert["group"] for alert in request.json["data"]["alerts"]] == [{"user": "alice"}]
