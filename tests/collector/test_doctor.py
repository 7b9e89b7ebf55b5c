"""`llmtrace doctor` says what is wrong and what to do, and nothing else."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.command import program
from support.load import stored
from support.otlp import post, request, span
from support.services import free_ports, stack_at
from support.waiting import wait_for

pytestmark = pytest.mark.processes


def test_doctor_finds_nothing_wrong_when_spans_arrive(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        stack.collector()
        where = ["doctor", "--endpoint", stack.http_url, "--store-url", stack.store_url]
        before = program(*where)
        assert before.returncode == 1
        assert "WRONG  nothing was received yet" in before.stdout
        post(f"{stack.http_url}/v1/traces", request(span()))
        wait_for(lambda: stored(stack))
        after = program(*where)
        assert after.returncode == 0, after.stdout
        assert "1 spans are stored" in after.stdout
        assert "bytes wait for the store" in after.stdout
        letter = stack.data / "wal/dead/traces/1-aa-0.records"
        letter.parent.mkdir(parents=True)
        letter.write_bytes(b"x")
        letter.with_suffix(".reason").write_text("no reason\nitems: 3\n")
        told = wait_for(lambda: (done := program(*where)).returncode and done.stdout, 60)
        assert "1 dead letters could not be stored" in told
        assert "-3 traces were accepted and are nowhere" in told


def test_doctor_looks_into_the_store_that_the_variables_of_up_name(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        stack.collector()
        key = (stack.data / "store.key").read_text()
        where = ["doctor", "--endpoint", stack.http_url]
        post(f"{stack.http_url}/v1/traces", request(span()))
        wait_for(lambda: stored(stack))
        by_port = program(*where, LLMTRACE_STORE_PORT=str(stack.store_port))
        assert "1 spans are stored" in by_port.stdout
        (nobody,) = free_ports(1)
        server = {
            "LLMTRACE_CLICKHOUSE": stack.store_url.replace("//", "//llmtrace@"),
            "LLMTRACE_STORE_PORT": str(nobody),
        }
        by_url = program(*where, **server, LLMTRACE_CLICKHOUSE_PASSWORD=key)
        assert "1 spans are stored" in by_url.stdout
        refused = program(*where, **server, LLMTRACE_CLICKHOUSE_PASSWORD="wr0ng")
        assert refused.returncode == 1
        assert f"the store at {stack.store_url} refuses user 'llmtrace': check the user" in refused.stdout
        shown = program(*where, LLMTRACE_CLICKHOUSE=f"http://llmtrace:s3cret@127.0.0.1:{nobody}")
        assert f"no store answers at http://127.0.0.1:{nobody}" in shown.stdout
        assert "s3cret" not in shown.stdout + shown.stderr + program("doctor", "--help").stdout


class Lying(BaseHTTPRequestHandler):
    """A collector of another version, with another clock."""

    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("llmtrace-version", "99.0.0")
        self.send_header("date", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.end_headers()

    def do_POST(self) -> None:
        self.send_response_only(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    done = program("doctor", "--endpoint", f"http://127.0.0.1:{nobody}", "--store-url", f"http://127.0.0.1:{nobody}")
    assert done.returncode == 1
    assert f"nobody answers at http://127.0.0.1:{nobody}" in done.stdout

    assert "use port 4318" in program("doctor", "--endpoint", "http://127.0.0.1:4317").stdout

    bare = program("doctor", "--endpoint", f"127.0.0.1:{nobody}", "--store-url", f"localhost:{nobody}")
    assert f"127.0.0.1:{nobody} does not begin with http://: write http://127.0.0.1:{nobody}" in bare.stdout
    assert f"localhost:{nobody} does not begin with http://" in bare.stdout
    assert "is no address" in program("doctor", "--endpoint", "http://127.0.0.1:x").stdout

    with stack_at(tmp_path, LLMTRACE_INGEST_KEY="right") as stack:
        stack.store()
        stack.collector()
        where = ["doctor", "--endpoint", stack.http_url, "--store-url", stack.store_url]
        assert "wants a key: set LLMTRACE_INGEST_KEY" in program(*where, LLMTRACE_INGEST_KEY="").stdout
        assert "wants another key" in program(*where, LLMTRACE_INGEST_KEY="wrong").stdout
        assert "spans are accepted with the key" in program(*where, LLMTRACE_INGEST_KEY="right").stdout
        wrong_port = program("doctor", "--endpoint", stack.store_url)
        assert "it is no llmtrace collector: check the port" in wrong_port.stdout
        grpc_port = program("doctor", "--endpoint", f"http://127.0.0.1:{stack.grpc_port}")
        assert "answers, but not in HTTP: is it the gRPC port?" in grpc_port.stdout

    with ThreadingHTTPServer(("127.0.0.1", 0), Lying) as lying:
        threading.Thread(target=lying.serve_forever, daemon=True).start()
        told = program("doctor", "--endpoint", f"http://127.0.0.1:{lying.server_port}").stdout
        lying.shutdown()
    assert "99.0.0 there: upgrade the older one" in told
    assert "s from the collector's: set both by NTP" in told
