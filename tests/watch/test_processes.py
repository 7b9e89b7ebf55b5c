"""The watch in real threads and real processes: it runs by itself, and kill -9 neither loses nor renames a notice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llmtrace_collector.watch.times import system_clock
from watch.helpers import SECRET, Engine, Receiver, Request, rule

CHILD = """
import sys
from pathlib import Path
from llmtrace_collector.errors import StoreDownError
from llmtrace_collector.channels import Allowed, Gateway, Sender
from llmtrace_collector.watch import Watch, load

def connect():
    raise StoreDownError("there is no store in this process")

folder = Path(sys.argv[1])
watch = Watch(rules=load(folder / "rules.yaml"), connect=connect, state_path=folder / "watch.db", dashboard_url="http://localhost",
              post=Sender(Gateway(Allowed.parse("127.0.0.1"))))
print("dealt with", watch.deliver_due(), watch.health()["outbox"])
watch.stop()
"""


def wait_for(condition, deadline_s: float = 20.0) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        threading.Event().wait(0.01)


def start_child(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.PIPE, text=True)


@pytest.mark.processes
def test_kill_9_between_attempt_and_record_sends_the_same_notice_again(
    engine: Engine, make_watch, receiver: Receiver, tmp_path: Path
):
    engine.spend(datetime.now(UTC), "6", user="alice")
    url = receiver.url()
    (tmp_path / "rules.yaml").write_text(
        "rules: [{name: daily-cap, kind: spend, group_by: [user], window: 24h, limit_usd: 5,"
        f" webhooks: [{{url: '{url}', secret: {SECRET}}}]}}]"
    )
    watch = make_watch(rule(url), clock=system_clock)
    watch.evaluate_once()
    watch.stop()

    started: list[subprocess.Popen[str]] = []

    def kill(_: Request) -> None:
        wait_for(lambda: started)
        os.kill(started[0].pid, signal.SIGKILL)
        started[0].wait()

    receiver.before_answer = kill
    with start_child(tmp_path) as child:
        started.append(child)
        assert child.wait(30) == -signal.SIGKILL
    wait_for(lambda: len(receiver.requests) == 1)
    receiver.before_answer = lambda _: None

    output, _ = start_child(tmp_path).communicate(timeout=30)
    assert output == "dealt with 1 0\n"
    output, _ = start_child(tmp_path).communicate(timeout=30)
    assert output == "dealt with 0 0\n"
    killed, delivered = receiver.requests
    assert (killed.id, killed.body) == (delivered.id, delivered.body)
    delivered.verify()


def test_started_it_fires_and_mirrors_by_itself_and_stops_twice(engine: Engine, make_watch, receiver: Receiver):
    engine.spend(datetime.now(UTC), "6", user="alice")
    watch = make_watch(rule(receiver.url()), clock=system_clock, interval_s=0.05)
    watch.start()
    wait_for(lambda: receiver.requests)
    wait_for(lambda: watch.health()["counters"]["delivered"] == 1 and watch.health()["unmirrored"] == 0)
    names = {thread.name for thread in threading.enumerate()}
    assert {"llmtrace-watch-evaluate", "llmtrace-watch-deliver"} <= names
    assert watch.stop()
    assert watch.stop()
    assert not any(thread.name.startswith("llmtrace-watch") for thread in threading.enumerate())
    receiver.requests[0].verify()
    assert engine.rows("SELECT outcome FROM alert_deliveries") == [{"outcome": "delivered"}]


def test_a_slow_receiver_delays_no_other(engine: Engine, make_watch, receiver: Receiver):
    engine.spend(datetime.now(UTC), "6", user="alice")
    release = threading.Event()
    receiver.before_answer = lambda request: release.wait(20) if request.path == "/slow" else None
    watch = make_watch(rule(receiver.url("/slow"), receiver.url("/fast")), clock=system_clock, interval_s=0.05)
    watch.start()
    try:
        wait_for(lambda: watch.health()["counters"]["delivered"] == 1)
        assert {request.path for request in receiver.requests} == {"/slow", "/fast"}
        assert not watch.stop(timeout_s=0.01)
    finally:
        release.set()
    wait_for(watch.stop)


def test_a_defect_is_shown_and_does_not_end_the_watch(engine: Engine, make_watch, receiver: Receiver):
    engine.spend(datetime.now(UTC), "6", user="alice")
    broken = [True]

    def connect() -> object:
        if broken[0]:
            raise RuntimeError("a defect")
        return engine.client

    watch = make_watch(rule(receiver.url()), clock=system_clock, interval_s=0.02, connect=connect)
    watch.start()
    wait_for(lambda: "evaluator: RuntimeError: a defect" in (watch.health()["error"] or ""))
    broken[0] = False
    wait_for(lambda: watch.health()["counters"]["delivered"] == 1)
    wait_for(lambda: watch.health()["error"] is None)


def test_nothing_is_connected_before_it_is_needed(engine: Engine, make_watch):
    make_watch(rule())
    assert engine.connections == 0
