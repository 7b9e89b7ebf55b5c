"""A real engine, a real receiver, and a clock that the test owns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import pytest

from llmtrace_collector.watch import Rule, Watch
from watch.helpers import Clock, Engine, Receiver, Request, local_sender


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            request = Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            receiver.requests.append(request)
            receiver.before_answer(request)
            status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
            self.send_response(status)
            for name, value in ({"content-length": "0"} | headers).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


STANDBY = ("watch_leases", "watch_renewals", "watch_state", "watch_asked")


@pytest.fixture
def engine(engine_client: Any) -> Engine:
    for table in (
        "spans",
        "spend_1m",
        "span_1h",
        "scores",
        "spans_quarantine",
        "alert_events",
        "alert_deliveries",
        *STANDBY,
    ):
        engine_client.command(f"TRUNCATE TABLE {table}")
    return Engine(engine_client)


@pytest.fixture
def clock() -> Clock:
    return Clock()


MakeWatch = Callable[..., Watch]


@pytest.fixture
def make_watch(engine: Engine, clock: Clock, tmp_path: Path) -> Iterator[MakeWatch]:
    """Makes watches over one state file; a second call stands for a restart."""
    made: list[Watch] = []

    def make(*rules: Rule, **options: Any) -> Watch:
        for watch in made:
            watch.stop()
        defaults = {
            "connect": engine.connect,
            "state_path": tmp_path / "watch.db",
            "dashboard_url": "http://localhost:8501",
            "clock": clock,
            "random": Random(len(made)),
            "post": local_sender(),
        }
        made.append(Watch(rules=rules, **(defaults | options)))
        return made[-1]

    yield make
    for watch in made:
        watch.stop()
