"""Two real collectors on one store, and the one that leads is killed, stopped for a while, or asked to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from llmtrace_collector.names import CLICKHOUSE_PASSWORD
from llmtrace_collector.store.users import OWNER
from support.services import Process, Stack, free_ports, stack_at
from support.waiting import wait_for
from watch.helpers import SECRET, Receiver
from watch.test_collector_killed import overspend

pytestmark = pytest.mark.processes


@dataclass
class Two:
    stack: Stack
    folder: Path
    options: list[str]
    started: dict[str, tuple[Process, str]]

    def start(self, name: str) -> None:
        """A collector with a data folder of its own."""
        http, grpc = free_ports(2)
        command = ["llmtrace_collector", "--data", str(self.folder / name), "--clickhouse", self.stack.store_url]
        command += ["--user", OWNER, "--http-port", str(http), "--grpc-port", str(grpc), "--price-interval", "0"]
        environ = self.stack.environ | {CLICKHOUSE_PASSWORD: (self.stack.data / "store.key").read_text()}
        process = Process.start([*command, *self.options], self.folder / f"{name}.log", environ)
        self.started[name] = process, f"http://127.0.0.1:{http}"
        process.wait_answer(f"http://127.0.0.1:{http}/healthz")

    def health(self, name: str) -> dict[str, Any]:
        with httpx2.Client() as client:
            found: dict[str, Any] = client.get(f"{self.started[name][1]}/readyz").json()["watch"]["standby"]
            return found

    def leader(self) -> str:
        """Its name, once there is one."""
        return wait_for(lambda: next((n for n in self.started if self.health(n)["leads"]), ""), 60, what="a leader")


@pytest.fixture
def two(tmp_path: Path, receiver: Receiver) -> Iterator[Two]:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "rules.yaml").write_text(
        f"channels: {{webhook: {{url: '{receiver.url()}', secret_file: secret}}}}\n"
        "default_channel: webhook\n"
        "rules: [{name: daily-cap, kind: spend, group_by: [user], window: 24h, limit_usd: 5}]\n"
    )
    options = ["--rules", str(tmp_path / "rules.yaml"), "--notify-allow", "127.0.0.1"]
    options += ["--watch-interval", "0.2", "--watch-lease", "2"]
    with stack_at(tmp_path) as stack:
        stack.store()
        found = Two(stack, tmp_path, options, {})
        try:
            found.start("one")
            stack.wait_migrated()
            found.start("two")
            yield found
        finally:
            for process, _ in found.started.values():
                process.clean_up()


def test_a_killed_leader_is_followed_and_nobody_hears_anything_twice(two: Two, receiver: Receiver) -> None:
    """The leader dies in the middle of a delivery; later its successor stands still beyond its lease."""
    first = two.leader()
    other = "two" if first == "one" else "one"
    killed: list[str] = []

    def kill(_: object) -> None:
        if not killed:
            killed.append(first)
            two.started.pop(first)[0].kill()

    receiver.before_answer = kill
    overspend(two.stack)
    wait_for(lambda: len(receiver.requests) >= 2, what="the notice of the one that follows")
    assert two.leader() == other
    two.start(first)
    assert not two.health(first)["leads"]
    pid = two.started[other][0].popen.pid
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: two.health(first)["leads"], what=f"{first} to lead again")
    two.stack.owner().command("TRUNCATE TABLE spend_1m")
    wait_for(lambda: "alert.resolved" in receiver.kinds(), what="the end of the alert")
    os.kill(pid, signal.SIGCONT)
    wait_for(lambda: two.health(other)["leader"] is not None and not two.health(other)["leads"])
    two.started.pop(first)[0].stop()
    assert two.leader() == other
    ids = [(request.kind, request.id) for request in receiver.requests]
    assert len(set(ids)) == 2
    assert [kind for kind, _ in dict.fromkeys(ids)] == ["alert.firing", "alert.resolved"]
    for request in receiver.requests:
        request.verify()
