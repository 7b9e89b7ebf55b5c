"""An hour with a receiver, a process of its own, that misbehaves, on a virtual clock: the alert still arrives."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.services import free_ports
from support.waiting import wait_for
from watch.helpers import NOON, Clock, Engine, local_sender, rule

PROGRAM = Path(__file__).parents[1] / "support" / "bad_receiver.py"


@dataclass
class BadReceiver:
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def behave(self, mode: str) -> None:
        """`down` ends the process; anything else starts it when it is down."""
        (self.folder / "mode").write_text(mode)
        if mode == "down":
            self.end()
        elif self.process is None:
            self.process = subprocess.Popen([sys.executable, str(PROGRAM), str(self.port), str(self.folder)])
            wait_for(self._listens)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def requests(self) -> list[dict[str, str]]:
        file = self.folder / "requests"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def bad_receiver(tmp_path: Path) -> Iterator[BadReceiver]:
    folder = tmp_path / "receiver"
    folder.mkdir()
    found = BadReceiver(folder, free_ports(1)[0])
    yield found
    found.end()


@pytest.fixture
def alice_overspends(engine: Engine) -> None:
    engine.spend(NOON, "6", user="alice")


@pytest.mark.processes
@pytest.mark.usefixtures("alice_overspends")
@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("down", "the connection is refused"),
        ("slow", "no answer within 0.3 s"),
        ("500", "the receiver answered 500"),
        ("301", "the receiver answered 301"),
        ("307", "the receiver answered 307"),
        ("closes early", "the answer is not HTTP"),
        ("resets", "the connection was closed before an answer"),
    ],
)
def test_after_an_hour_of_it_the_alert_arrives_and_meanwhile_it_is_told(
    make_watch: Any, bad_receiver: BadReceiver, clock: Clock, mode: str, said: str
) -> None:
    bad_receiver.behave(mode)
    watch = make_watch(rule(f"http://127.0.0.1:{bad_receiver.port}/hook"), post=local_sender(timeout_s=0.3))
    watch.evaluate_once()
    for _ in range(60):
        watch.deliver_due()
        clock.advance(minutes=1)
    assert said in watch.health()["error"]
    assert watch.health()["outbox"] == 1
    tried = len(bad_receiver.requests)
    assert tried == (0 if mode == "down" else 4)  # at 0 s, 5 s, 5 m and 30 m
    bad_receiver.behave("204")
    clock.advance(hours=3)
    watch.deliver_due()
    assert (watch.health()["outbox"], watch.health()["error"]) == (0, None)
    everything = bad_receiver.requests
    assert len(everything) == tried + 1
    assert len({(request["id"], request["body"]) for request in everything}) == 1
    assert {request["path"] for request in everything} == {"/hook"}


@pytest.mark.processes
@pytest.mark.usefixtures("alice_overspends")
def test_410_ends_it_at_once(make_watch: Any, bad_receiver: BadReceiver, clock: Clock) -> None:
    bad_receiver.behave("410")
    watch = make_watch(rule(f"http://127.0.0.1:{bad_receiver.port}/hook"))
    watch.evaluate_once()
    for _ in range(10):
        watch.deliver_due()
        clock.advance(hours=10)
    assert len(bad_receiver.requests) == 1
    assert (watch.health()["outbox"], watch.health()["outbox_failed"]) == (0, 1)
