"""Real processes of ours for tests: the store, the collector, `llmtrace up`, on free ports.

`LLMTRACE_TEST_CLICKHOUSE_URL` names a ClickHouse server that stands in for the store, for tests that do nothing to
the store itself; each `Stack` has a database of its own there. `LLMTRACE_TEST_CLUSTER=1` gives the store the form of a
cluster (support/cluster_store.py).
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import pytest

from llmtrace_collector.database import DATABASE, Address, connect
from llmtrace_collector.names import CLICKHOUSE_PASSWORD
from llmtrace_collector.schema.migrate import migrations
from llmtrace_collector.store.users import OWNER
from llmtrace_collector.upkeep.shards import shards_of
from support.tables import put_tables
from support.waiting import wait_for


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on just now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def answers(url: str) -> bool:
    """Whether `url` gives 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@dataclass(kw_only=True)
class Process:
    """A child process with its output in a file."""

    popen: subprocess.Popen[bytes]
    log: Path
    _file: IO[bytes]

    @classmethod
    def start(cls, command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> Process:
        """Starts `python -m command...` in a process group of its own."""
        file = log.open("wb")
        popen = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **(environ or {})},
            start_new_session=True,
        )
        return cls(popen=popen, log=log, _file=file)

    @property
    def output(self) -> str:
        """What it has printed."""
        return self.log.read_text(errors="replace")

    def wait_answer(self, url: str, timeout_s: float = 60.0) -> None:
        """Waits until `url` gives 200; fails at once when the process has ended."""

        def ready() -> bool:
            assert self.popen.poll() is None, f"it ended with {self.popen.returncode}:\n{self.output}"
            return answers(url)

        wait_for(ready, timeout_s, what=f"{url}; {self.output}")

    def kill_group(self) -> None:
        """SIGKILL to the process and all it started."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self._file.close()

    def kill(self) -> None:
        """SIGKILL to the process alone."""
        self.popen.kill()
        self.popen.wait()
        self._file.close()

    def stop(self, timeout_s: float = 60.0) -> int:
        """SIGTERM and the exit code."""
        self.popen.terminate()
        code = self.popen.wait(timeout_s)
        self._file.close()
        return code

    def clean_up(self) -> None:
        """Ends it if it still runs."""
        if self.popen.poll() is None:
            self.kill_group()
        self._file.close()


SERVER = os.environ.get("LLMTRACE_TEST_CLICKHOUSE_URL", "")
CLUSTER = "tested" if os.environ.get("LLMTRACE_TEST_CLUSTER") == "1" else ""


class _Standing:
    """The server that was there before: a test that would stop, kill or look into it is skipped."""

    def __getattr__(self, name: str) -> Any:
        pytest.skip(f"it does something to the store ({name}), and LLMTRACE_TEST_CLICKHOUSE_URL names a server")


@dataclass(kw_only=True)
class Stack:
    """A data folder with the ports its services use; survives restarts of its processes."""

    folder: Path
    store_port: int
    http_port: int
    grpc_port: int
    dashboard_port: int
    environ: dict[str, str] = field(default_factory=dict)
    new: bool = False
    """Its first store finds no tables, as at a user's first start; else those of today are there."""
    database: str = DATABASE
    _started: list[Process] = field(default_factory=list)

    @classmethod
    def at(cls, folder: Path, **environ: str) -> Stack:
        """On free ports, with the data folder below `folder`."""
        store, http, grpc, dashboard = free_ports(4)
        database = DATABASE
        if SERVER:
            database = f"llmtrace_test_{secrets.token_hex(6)}"
            environ = {
                "LLMTRACE_DATABASE": database,
                CLICKHOUSE_PASSWORD: Address.parse(SERVER).password,
                "LLMTRACE_CLICKHOUSE": _without_password(SERVER),
                **environ,
            }
        return cls(
            folder=folder,
            store_port=store,
            http_port=http,
            grpc_port=grpc,
            dashboard_port=dashboard,
            environ=environ,
            database=database,
        )

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def store_url(self) -> str:
        return f"http://127.0.0.1:{self.store_port}"

    @property
    def dashboard_url(self) -> str:
        return f"http://127.0.0.1:{self.dashboard_port}"

    def _run(self, name: str, command: Sequence[str], url: str) -> Process:
        process = Process.start(command, self.folder / f"{name}.log", self.environ)
        self._started.append(process)
        process.wait_answer(url)
        return process

    def store(self, *more: str) -> Process:
        """The store process, ready."""
        if SERVER:
            if more:
                pytest.skip("it needs the embedded store, and LLMTRACE_TEST_CLICKHOUSE_URL names a server")
            return cast("Process", _Standing())
        if not self.new:
            put_tables(self, CLUSTER)
        module = "support.cluster_store" if CLUSTER else "llmtrace_collector.store"
        command = [module, "--data", str(self.data), "--port", str(self.store_port), *more]
        return self._run("store", command, f"{self.store_url}/ping")

    def collector(self, *more: str) -> Process:
        """The collector process, ready."""
        command = ["llmtrace_collector", "--data", str(self.data), *self._store_options()]
        command += ["--http-port", str(self.http_port), "--grpc-port", str(self.grpc_port)]
        # What a test leaves without a cost stays so, unless it says otherwise.
        command += ["--price-interval", "0", *more]
        return self._run("collector", command, f"{self.http_url}/healthz")

    def _store_options(self) -> list[str]:
        if SERVER:
            return ["--clickhouse", _without_password(SERVER)]
        if CLUSTER:
            self.environ[CLICKHOUSE_PASSWORD] = (self.data / "store.key").read_text()
            return ["--clickhouse", self.store_url, "--user", OWNER, "--cluster", CLUSTER]
        return ["--store-url", self.store_url]

    def wait_migrated(self) -> None:
        """Waits until a collector has brought the store up to the newest schema."""
        newest = migrations()[-1].version
        wait_for(lambda: self.reader().command("EXISTS TABLE schema_migrations"), 240)
        wait_for(lambda: self.reader().command("SELECT max(version) FROM schema_migrations") == newest, 240)

    def up_options(self) -> list[str]:
        """The ports and the folder as options of `llmtrace up`."""
        return [
            "--data",
            str(self.data),
            "--http-port",
            str(self.http_port),
            "--grpc-port",
            str(self.grpc_port),
            "--store-port",
            str(self.store_port),
            "--dashboard-port",
            str(self.dashboard_port),
        ]

    def command(self, *words: str, environ: Mapping[str, str] | None = None) -> Process:
        """`llmtrace WORDS` in the background, not waited for."""
        process = Process.start(
            ["llmtrace.cli", *words], self.folder / f"{words[0]}.log", {**self.environ, **(environ or {})}
        )
        self._started.append(process)
        return process

    def up(self, *more: str) -> Process:
        """`llmtrace up`, with everything ready (it says so itself: a port may still be an orphan's)."""
        if not self.new:
            put_tables(self, CLUSTER)
        process = self.command("up", *self.up_options(), *more)

        def ready() -> bool:
            assert process.popen.poll() is None, f"it ended with {process.popen.returncode}:\n{process.output}"
            return "Ctrl-C stops everything" in process.output

        wait_for(ready, 60, what=f"llmtrace up; {process.output}")
        return process

    def reader(self) -> Any:
        """A client of the store as a stranger."""
        if SERVER:
            return self.owner()
        return connect(Address(host="127.0.0.1", port=self.store_port))

    def owner(self) -> Any:
        """A client of the store with its key."""
        return self._on_server() if SERVER else connect(self._owners_address())

    def shard(self) -> Any:
        """The owner's client for what looks after the store: on a cluster that of its shard, with the tables there."""
        if not CLUSTER:
            return self.owner()
        (client,) = shards_of(self.owner(), self._owners_address())
        return client

    def _owners_address(self) -> Address:
        key = (self.data / "store.key").read_text()
        return Address(host="127.0.0.1", port=self.store_port, username=OWNER, password=key, cluster=CLUSTER)

    def _on_server(self) -> Any:
        client = connect(Address.parse(SERVER), database=None)
        client.command(f"CREATE DATABASE IF NOT EXISTS {self.database}")
        client.database = self.database
        return client

    def clean_up(self) -> None:
        """Ends every process that was started here; what a server has of it is dropped."""
        for process in self._started:
            process.clean_up()
        if SERVER:
            connect(Address.parse(SERVER), database=None).command(f"DROP DATABASE IF EXISTS {self.database} SYNC")


def _without_password(url: str) -> str:
    address = Address.parse(url)
    return address.shown.replace("://", f"://{address.username}@")


@contextmanager
def stack_at(folder: Path, *, new: bool = False, **environ: str) -> Iterator[Stack]:
    """A `Stack` whose processes end with the block."""
    stack = Stack.at(folder, **environ)
    stack.new = new
    try:
        yield stack
    finally:
        stack.clean_up()
