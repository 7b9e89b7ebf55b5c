"""The commands as a person runs them: one clear line for each service and for each thing that is wrong."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from llmtrace_collector import pulse
from llmtrace_collector.supervisor import Service, Supervisor
from support.otlp import post, request, span
from support.services import Stack, free_ports, stack_at
from support.waiting import wait_for

pytestmark = pytest.mark.processes


def llmtrace(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "llmtrace.cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environ},
        check=False,
    )


COMMANDS = (
    *("up", "demo", "doctor", "keys", "data", "webhooks", "wal", "schema", "backup", "reconcile", "detect", "forecast"),
    *("tokenizers", "prices"),
)


def test_help_names_every_command_and_an_unknown_one_is_answered_with_them() -> None:
    assert set(COMMANDS) <= set(llmtrace("--help").stdout.split())
    unknown = llmtrace("upp")
    assert (unknown.returncode, unknown.stderr.strip()) == (
        2,
        f'llmtrace: there is no command "upp"; these are: {", ".join(COMMANDS)}',
    )


def test_up_says_a_line_for_each_service_and_sigterm_ends_it_with_0(tmp_path: Path) -> None:
    with stack_at(tmp_path, new=True) as stack:
        up = stack.up("--no-dashboard")
        first_words = [line.split()[0] for line in up.output.splitlines()]
        assert first_words == ["store", "collector", "Ctrl-C"]
        assert stack.store_url in up.output
        assert stack.http_url in up.output
        post(f"{stack.http_url}/v1/traces", request(span()))
        assert up.stop() == 0


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


def stored(stack: Stack) -> list[str]:
    try:
        return [row[0] for row in stack.reader().query("SELECT name FROM spans ORDER BY name").result_rows]
    except Exception:  # noqa: BLE001 - the store is on its way
        return []


def test_a_port_in_use_is_named_with_the_option_that_changes_it(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack, socket.socket() as taken:
        taken.bind(("127.0.0.1", stack.http_port))
        taken.listen()
        done = llmtrace("up", *stack.up_options(), "--no-dashboard")
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
                done = llmtrace("up", *stack.up_options(), *([] if service == "dashboard" else ["--no-dashboard"]))
            assert done.returncode == 2, done.stdout + done.stderr
            assert str(getattr(stack, f"{service}_port")) in done.stderr
            assert "already in use" in done.stderr.lower()
            assert len(done.stderr.strip().splitlines()) == 1
            assert passwords == []
            assert "Ctrl-C" not in done.stdout


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


def service_pids(stack: Stack) -> list[int]:
    """The store's process."""
    found = subprocess.run(
        ["pgrep", "-f", f"llmtrace_collector.store.*{stack.store_port}"], capture_output=True, text=True, check=True
    )
    return [int(pid) for pid in found.stdout.split()]


def test_sigterm_before_everything_is_ready_promises_nothing(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        up = stack.command("up", *stack.up_options(), "--no-dashboard")
        wait_for(lambda: "store " in up.output)
        assert up.stop() == 0
        assert "Ctrl-C" not in up.output
        assert "collector " not in up.output


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


def test_a_data_folder_of_another_version_or_without_permission_is_named(tmp_path: Path) -> None:
    (tmp_path / "LAYOUT").write_text("7\n")
    done = llmtrace("up", "--data", str(tmp_path))
    assert done.returncode == 2
    assert "has layout '7', this llmtrace knows 1" in done.stderr
    (tmp_path / "file").write_text("")
    done = llmtrace("up", "--data", str(tmp_path / "file"))
    assert done.returncode == 2
    assert "cannot be used (" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_another_host_without_a_key_is_refused(tmp_path: Path) -> None:
    done = llmtrace("up", "--data", str(tmp_path), "--host", "0.0.0.0", LLMTRACE_INGEST_KEY="")
    assert done.returncode == 2
    assert "set LLMTRACE_INGEST_KEY here and in the apps" in done.stderr


def test_a_rule_file_with_a_typo_is_answered_with_the_place(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules: [{name: a, kind: spend, widow: 24h, limit_usd: 5}]\n")
    with stack_at(tmp_path) as stack:
        done = llmtrace("up", *stack.up_options(), "--no-dashboard", "--rules", str(rules))
    assert done.returncode == 2
    assert "rules[0].widow" in done.stderr
    assert "window" in done.stderr


def test_a_clickhouse_that_refuses_the_password_is_said_in_one_line(tmp_path: Path) -> None:
    with stack_at(tmp_path / "") as stack:
        stack.store()
        url = stack.store_url.replace("//", "//someone:wr0ng@")
        other = Stack.at(tmp_path / "other")
        other.folder.mkdir()
        done = llmtrace("up", *other.up_options(), "--no-dashboard", "--clickhouse", url)
        assert done.returncode == 2
        assert "refuses user 'someone': check the user and the password" in done.stderr
        assert (done.stdout + done.stderr).count("check the user and the password") == 1
        assert "wr0ng" not in done.stdout + done.stderr


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


def test_a_log_that_cannot_be_opened_ends_up_with_a_sentence(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        assert stack.up("--no-dashboard").stop() == 0
        shutil.rmtree(stack.data / "wal")
        (stack.data / "wal").symlink_to("/proc/nowhere")
        done = llmtrace("up", *stack.up_options(), "--no-dashboard")
        assert done.returncode == 2
        assert done.stderr.strip() == (
            f"llmtrace up: the folder {stack.data / 'wal' / 'traces'} cannot be made (File exists):"
            " mend what is there, or choose another with --data"
        )


def test_doctor_finds_nothing_wrong_when_spans_arrive(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        stack.collector()
        where = ["doctor", "--endpoint", stack.http_url, "--store-url", stack.store_url]
        before = llmtrace(*where)
        assert before.returncode == 1
        assert "WRONG  nothing was received yet" in before.stdout
        post(f"{stack.http_url}/v1/traces", request(span()))
        wait_for(lambda: stored(stack))
        after = llmtrace(*where)
        assert after.returncode == 0, after.stdout
        assert "1 spans are stored" in after.stdout
        assert "bytes wait for the store" in after.stdout
        letter = stack.data / "wal/dead/traces/1-aa-0.records"
        letter.parent.mkdir(parents=True)
        letter.write_bytes(b"x")
        letter.with_suffix(".reason").write_text("no reason\nitems: 3\n")
        told = wait_for(lambda: (done := llmtrace(*where)).returncode and done.stdout, 60)
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
        by_port = llmtrace(*where, LLMTRACE_STORE_PORT=str(stack.store_port))
        assert "1 spans are stored" in by_port.stdout
        (nobody,) = free_ports(1)
        server = {
            "LLMTRACE_CLICKHOUSE": stack.store_url.replace("//", "//llmtrace@"),
            "LLMTRACE_STORE_PORT": str(nobody),
        }
        by_url = llmtrace(*where, **server, LLMTRACE_CLICKHOUSE_PASSWORD=key)
        assert "1 spans are stored" in by_url.stdout
        refused = llmtrace(*where, **server, LLMTRACE_CLICKHOUSE_PASSWORD="wr0ng")
        assert refused.returncode == 1
        assert f"the store at {stack.store_url} refuses user 'llmtrace': check the user" in refused.stdout
        shown = llmtrace(*where, LLMTRACE_CLICKHOUSE=f"http://llmtrace:s3cret@127.0.0.1:{nobody}")
        assert f"no store answers at http://127.0.0.1:{nobody}" in shown.stdout
        assert "s3cret" not in shown.stdout + shown.stderr + llmtrace("doctor", "--help").stdout


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
    done = llmtrace("doctor", "--endpoint", f"http://127.0.0.1:{nobody}", "--store-url", f"http://127.0.0.1:{nobody}")
    assert done.returncode == 1
    assert f"nobody answers at http://127.0.0.1:{nobody}" in done.stdout

    assert "use port 4318" in llmtrace("doctor", "--endpoint", "http://127.0.0.1:4317").stdout

    bare = llmtrace("doctor", "--endpoint", f"127.0.0.1:{nobody}", "--store-url", f"localhost:{nobody}")
    assert f"127.0.0.1:{nobody} does not begin with http://: write http://127.0.0.1:{nobody}" in bare.stdout
    assert f"localhost:{nobody} does not begin with http://" in bare.stdout
    assert "is no address" in llmtrace("doctor", "--endpoint", "http://127.0.0.1:x").stdout

    with stack_at(tmp_path, LLMTRACE_INGEST_KEY="right") as stack:
        stack.store()
        stack.collector()
        where = ["doctor", "--endpoint", stack.http_url, "--store-url", stack.store_url]
        assert "wants a key: set LLMTRACE_INGEST_KEY" in llmtrace(*where, LLMTRACE_INGEST_KEY="").stdout
        assert "wants another key" in llmtrace(*where, LLMTRACE_INGEST_KEY="wrong").stdout
        assert "spans are accepted with the key" in llmtrace(*where, LLMTRACE_INGEST_KEY="right").stdout
        wrong_port = llmtrace("doctor", "--endpoint", stack.store_url)
        assert "it is no llmtrace collector: check the port" in wrong_port.stdout
        grpc_port = llmtrace("doctor", "--endpoint", f"http://127.0.0.1:{stack.grpc_port}")
        assert "answers, but not in HTTP: is it the gRPC port?" in grpc_port.stdout

    with ThreadingHTTPServer(("127.0.0.1", 0), Lying) as lying:
        threading.Thread(target=lying.serve_forever, daemon=True).start()
        told = llmtrace("doctor", "--endpoint", f"http://127.0.0.1:{lying.server_port}").stdout
        lying.shutdown()
    assert "99.0.0 there: upgrade the older one" in told
    assert "s from the collector's: set both by NTP" in told


def test_the_plain_install_says_which_extra_a_command_needs() -> None:
    done = plain_install("up")
    assert done.returncode == 2
    assert 'pip install "llmtrace-otel[all]"' in done.stderr


def test_doctor_works_in_the_plain_install_where_an_app_lives() -> None:
    done = plain_install("doctor", "--endpoint", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "nobody answers at http://127.0.0.1:9" in done.stdout
    assert done.stderr == ""


def plain_install(*words: str) -> subprocess.CompletedProcess[str]:
    """`llmtrace WORDS` where the extras' packages cannot be imported."""
    absent = ["chdb", "clickhouse_connect", "platformdirs", "starlette", "streamlit", "uvicorn", "yaml"]
    run = f"sys.exit(main({list(words)}))"
    code = f"import sys; sys.modules.update(dict.fromkeys({absent}))\nfrom llmtrace.cli import main\n{run}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
