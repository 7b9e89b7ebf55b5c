"""The supervisor listens to its services, and starts those again that are silent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmtrace_collector import pulse
from llmtrace_collector.supervisor import Service, Supervisor
from support.otlp import post
from support.services import free_ports
from support.waiting import wait_for

pytestmark = pytest.mark.processes


FAKE_SERVICE = """
import http.server, os, sys
print("x" * 100 + "\\n", end="", flush=True)
for _ in range(int(sys.argv[2])):
    print("a line of a hundred characters or so " * 3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("llmtrace-instance", os.environ["LLMTRACE_INSTANCE"])
        self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@contextmanager
def supervised(folder: Path, said: list[str], *, lines: int) -> Iterator[Supervisor]:
    """A supervisor of one small service that answers about its health and prints `lines` lines before."""
    (folder / "fake_service.py").write_text(FAKE_SERVICE)
    (port,) = free_ports(1)
    service = Service(
        name="fake",
        module="fake_service",
        arguments=[str(port), str(lines)],
        health_url=f"http://127.0.0.1:{port}/",
        shown="is ready",
        environ={"PYTHONPATH": str(folder)},
    )
    running = Supervisor([service], log_folder=folder, say=said.append)
    try:
        yield running
    finally:
        running.stop()


def test_a_service_is_listened_to_though_its_log_cannot_be_written(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "fake.log").symlink_to("/dev/full")
    with supervised(tmp_path, said, lines=20_000) as running:
        running.start(threading.Event())
    assert said == ["fake       is ready"]


def test_a_service_that_lives_but_does_not_answer_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "PROBE_EVERY_S", 0.2)
    monkeypatch.setattr(pulse, "SILENT_S", 1.0)
    said: list[str] = []

    def pids() -> list[int]:
        found = subprocess.run(["pgrep", "-f", f"supervised fake_service {port}"], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    with supervised(tmp_path, said, lines=1) as running:
        running.start(threading.Event())
        port = running._children[0].service.arguments[0]
        (hung,) = pids()
        wait_for(lambda: running._children[0]._pulse.patience_s == 1.0)
        os.kill(hung, signal.SIGSTOP)

        def restarted() -> bool:
            running.check()
            return bool(set(pids()) - {hung})

        wait_for(restarted)
        wait_for(lambda: post(f"http://127.0.0.1:{port}/", None)[0] == 200 if listening(port) else False)
    assert len(said) == 2
    assert "fake       runs but has not answered for 1 s; starting it again in 0.5 s" in said


def listening(port: str) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", int(port))) == 0
