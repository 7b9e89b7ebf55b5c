"""`llmtrace up` from its start to its end: a line for each service, and nothing lost on the way."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from llmtrace_collector.commands.up import _dashboard
from llmtrace_collector.doors import Reach
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.options import parse
from llmtrace_collector.tls import Tls
from support.load import stored
from support.otlp import post, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

pytestmark = pytest.mark.processes


def test_up_says_a_line_for_each_service_and_sigterm_ends_it_with_0(tmp_path: Path) -> None:
    with stack_at(tmp_path, new=True) as stack:
        up = stack.up("--no-dashboard")
        first_words = [line.split()[0] for line in up.output.splitlines()]
        assert first_words == ["store", "collector", "Ctrl-C"]
        assert stack.store_url in up.output
        assert stack.http_url in up.output
        post(f"{stack.http_url}/v1/traces", request(span()))
        assert up.stop() == 0


def test_the_app_of_up_asks_for_the_token_of_its_environment(tmp_path: Path) -> None:
    """It is up by its health answer, and nothing else is answered without a session."""
    with stack_at(tmp_path, LLMTRACE_DASHBOARD_TOKEN="a token for people of this machine") as stack:
        up = stack.up()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{stack.dashboard_url}/alerts", timeout=10)
        assert up.stop() == 0


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:4318"), ("0.0.0.0", "http://127.0.0.1:4318"), ("::1", "http://[::1]:4318")],
)
def test_the_app_of_up_is_told_where_its_collector_is(tmp_path: Path, host: str, url: str) -> None:
    """By an address that this machine reaches."""
    options, _ = parse(["--data", str(tmp_path), "--host", host], argparse.ArgumentParser())
    service = _dashboard(options, Reach(host=host, tls=Tls()), DataFolder(tmp_path))
    assert service.arguments[list(service.arguments).index("--collector") + 1] == url


def test_ctrl_c_stops_everything_cleanly_and_loses_nothing(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        up = stack.up("--no-dashboard")
        assert post(f"{stack.http_url}/v1/traces", request(span(name="kept")))[0] == 200
        os.killpg(up.popen.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
        assert up.popen.wait(40) == 0
        stack.store()
        assert stack.reader().query("SELECT name FROM spans").result_rows == [("kept",)]


def test_a_service_that_crashes_is_started_again(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        up = stack.up("--no-dashboard")
        assert post(f"{stack.http_url}/v1/traces", request(span(name="one")))[0] == 200
        for pid in service_pids(stack):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: "ended with code -9; starting it again" in up.output)
        assert post(f"{stack.http_url}/v1/traces", request(span(name="two")))[0] == 200
        wait_for(lambda: stored(stack) == ["one", "two"])
        assert up.stop() == 0


def service_pids(stack: Stack) -> list[int]:
    """The store's process."""
    found = subprocess.run(
        ["pgrep", "-f", f"llmtrace_collector.store.*{stack.store_port}"], capture_output=True, text=True, check=True
    )
    return [int(pid) for pid in found.stdout.split()]


def test_a_service_that_comes_back_to_a_taken_port_ends_everything_with_its_sentence(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        up = stack.up("--no-dashboard")
        for pid in service_pids(stack):
            os.kill(pid, signal.SIGKILL)
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            wait_for(lambda: bound(taken, stack.store_port))
            taken.listen()
            assert up.popen.wait(60) == 2
        assert f"llmtrace up: port {stack.store_port} on 127.0.0.1 is already in use" in up.output


def bound(taken: socket.socket, port: int) -> bool:
    try:
        taken.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def test_sigterm_before_everything_is_ready_promises_nothing(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        up = stack.command("up", *stack.up_options(), "--no-dashboard")
        wait_for(lambda: "store " in up.output)
        assert up.stop() == 0
        assert "Ctrl-C" not in up.output
        assert "collector " not in up.output


def test_up_on_a_clickhouse_by_url_starts_no_store_and_shows_no_password(tmp_path: Path) -> None:
    with stack_at(tmp_path) as server:
        server.store()
        key = (server.data / "store.key").read_text()
        with stack_at(tmp_path / "up") as stack:
            stack.folder.mkdir()
            up = stack.up("--clickhouse", server.store_url.replace("//", f"//llmtrace:{key}@"))
            assert [line.split()[0] for line in up.output.splitlines()] == ["collector", "dashboard", "Ctrl-C"], (
                up.output
            )
            assert post(f"{stack.http_url}/v1/traces", request(span(name="by url")))[0] == 200
            wait_for(lambda: stored(server) == ["by url"])
            services = subprocess.run(["pgrep", "-af", f"supervised .*{stack.data}"], capture_output=True, text=True)
            assert "llmtrace_collector" in services.stdout
            assert key not in services.stdout + up.output
            assert up.stop() == 0


def test_up_on_a_full_disk_says_so_and_takes_spans_again_when_there_is_room(small_disk: Path) -> None:
    with stack_at(small_disk) as stack:
        assert stack.up("--no-dashboard").stop() == 0
        filler = small_disk / "filler"
        with filler.open("wb") as file:
            file.write(bytes(shutil.disk_usage(small_disk).free - 6 * 1024**2))
        up = stack.up("--no-dashboard")
        assert "collector  spans cannot be accepted: the disk of" in up.output
        assert post(f"{stack.http_url}/v1/traces", request(span()))[0] == 503
        filler.unlink()
        wait_for(lambda: post(f"{stack.http_url}/v1/traces", request(span(name="room")))[0] == 200)
        wait_for(lambda: stored(stack) == ["room"])
        assert up.stop() == 0
