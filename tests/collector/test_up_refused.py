"""What `llmtrace up` cannot start with is answered in one line that says what to do."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.command import program
from support.services import Stack, stack_at

pytestmark = pytest.mark.processes


def test_a_port_in_use_is_named_with_the_option_that_changes_it(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack, socket.socket() as taken:
        taken.bind(("127.0.0.1", stack.http_port))
        taken.listen()
        done = program("up", *stack.up_options(), "--no-dashboard")
        assert done.returncode == 2
        assert done.stderr.strip() == (
            f"llmtrace up: port {stack.http_port} on 127.0.0.1 is already in use:"
            " stop the program that has it, or choose another with --http-port"
        )


@contextmanager
def occupied(port: int) -> Iterator[list[str]]:
    """Another program on a port of ours, which answers everything with 200; gives the passwords it was sent."""
    passwords: list[str] = []

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            passwords.extend(v for k, v in self.headers.items() if k.lower() in {"authorization", "x-clickhouse-key"})
            self.send_response_only(200)
            self.send_header("content-length", "4")
            self.end_headers()
            self.wfile.write(b"Ok.\n")

        do_POST = do_GET  # noqa: N815 - the base class's name

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        try:
            yield passwords
        finally:
            other.shutdown()


def test_a_port_where_another_program_answers_is_not_taken_for_ours(tmp_path: Path) -> None:
    for service in ("store", "http", "dashboard"):
        with stack_at(tmp_path / service) as stack:
            stack.folder.mkdir()
            with occupied(getattr(stack, f"{service}_port")) as passwords:
                done = program("up", *stack.up_options(), *([] if service == "dashboard" else ["--no-dashboard"]))
            assert done.returncode == 2, done.stdout + done.stderr
            assert str(getattr(stack, f"{service}_port")) in done.stderr
            assert "already in use" in done.stderr.lower()
            assert len(done.stderr.strip().splitlines()) == 1
            assert passwords == []
            assert "Ctrl-C" not in done.stdout


def test_a_data_folder_of_another_version_or_without_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "LAYOUT").write_text("7\n")
    done = program("up", "--data", str(tmp_path))
    assert done.returncode == 2
    assert "has layout '7', this llmtrace knows 1" in done.stderr
    (tmp_path / "file").write_text("")
    done = program("up", "--data", str(tmp_path / "file"))
    assert done.returncode == 2
    assert "cannot be used (" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_another_host_without_a_key_is_refused(tmp_path: Path) -> None:
    done = program("up", "--data", str(tmp_path), "--host", "0.0.0.0", LLMTRACE_INGEST_KEY="")
    assert done.returncode == 2
    assert "set LLMTRACE_INGEST_KEY here and in the apps" in done.stderr


def test_a_rule_file_with_a_typo_is_answered_with_the_place(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules: [{name: a, kind: spend, widow: 24h, limit_usd: 5}]\n")
    with stack_at(tmp_path) as stack:
        done = program("up", *stack.up_options(), "--no-dashboard", "--rules", str(rules))
    assert done.returncode == 2
    assert "rules[0].widow" in done.stderr
    assert "window" in done.stderr


def test_a_clickhouse_that_refuses_the_password_is_said_in_one_line(tmp_path: Path) -> None:
    with stack_at(tmp_path / "") as stack:
        stack.store()
        url = stack.store_url.replace("//", "//someone:wr0ng@")
        other = Stack.at(tmp_path / "other")
        other.folder.mkdir()
        done = program("up", *other.up_options(), "--no-dashboard", "--clickhouse", url)
        assert done.returncode == 2
        assert "refuses user 'someone': check the user and the password" in done.stderr
        assert (done.stdout + done.stderr).count("check the user and the password") == 1
        assert "wr0ng" not in done.stdout + done.stderr


def test_a_log_that_cannot_be_opened_ends_up_with_a_sentence(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        assert stack.up("--no-dashboard").stop() == 0
        shutil.rmtree(stack.data / "wal")
        (stack.data / "wal").symlink_to("/proc/nowhere")
        done = program("up", *stack.up_options(), "--no-dashboard")
        assert done.returncode == 2
        assert done.stderr.strip() == (
            f"llmtrace up: the folder {stack.data / 'wal' / 'traces'} cannot be made (File exists):"
            " mend what is there, or choose another with --data"
        )
