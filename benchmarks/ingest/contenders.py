"""Who is sent to: the collector, a server that only reads, and rotel (Rust) and Arize Phoenix where installed."""

from __future__ import annotations

import asyncio
import importlib.util
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from support.services import Stack, free_ports
from support.waiting import wait_for


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A running server."""

    name: str
    pid: int
    ports: Mapping[str, int]
    """By transport."""


@contextmanager
def collector(stack: Stack, *options: str) -> Iterator[Contender]:
    """Ours, without a store: what it accepts waits in the log, and no insert runs on the same cores."""
    process = stack.collector(*options)
    yield Contender(name="llmtrace", pid=process.popen.pid, ports={"HTTP": stack.http_port, "gRPC": stack.grpc_port})
    process.stop()


def _read_only(port: int) -> None:
    import uvicorn

    async def app(_: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", http="httptools", lifespan="off")
    config.load()
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(uvicorn.Server(config).serve())


@contextmanager
def only_reads() -> Iterator[Contender]:
    """The upper bound: the same HTTP server, reading the body and nothing else. It keeps nothing."""
    (port,) = free_ports(1)
    process = multiprocessing.get_context("spawn").Process(target=_read_only, args=(port,), daemon=True)
    process.start()
    wait_for(lambda: _open(port), what="the server that only reads")
    assert process.pid
    yield Contender(name="only reads", pid=process.pid, ports={"HTTP": port})
    process.terminate()
    process.join()


@contextmanager
def rotel(folder: Path) -> Iterator[Contender]:
    """Rotel with its exporter that discards: it parses, batches and forgets. It keeps nothing."""
    http, grpc = free_ports(2)
    command = [str(rotel_program()), "start", "--exporter", "blackhole", "--pid-file", str(folder / "rotel.pid")]
    command += ["--otlp-http-endpoint", f"127.0.0.1:{http}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"]
    with (folder / "rotel.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: _open(http) and _open(grpc), what=f"rotel; {(folder / 'rotel.log').read_text()}")
        yield Contender(name="rotel, discards", pid=process.pid, ports={"HTTP": http, "gRPC": grpc})
    finally:
        process.terminate()
        process.wait()


def rotel_program() -> Path | None:
    """Where it is: named by ROTEL, on the PATH, or in this environment (`pip install rotel`); None: nowhere."""
    if named := os.environ.get("ROTEL") or shutil.which("rotel-agent"):
        return Path(named)
    found = importlib.util.find_spec("rotel")
    program = Path(found.origin).parent / "rotel-agent" if found and found.origin else None
    return program if program and program.exists() else None


@contextmanager
def phoenix(folder: Path) -> Iterator[Contender]:
    """Arize Phoenix with its SQLite: it answers before it has stored."""
    http, grpc = free_ports(2)
    environ = {
        **os.environ,
        "PHOENIX_WORKING_DIR": str(folder / "phoenix"),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(http),
        "PHOENIX_GRPC_PORT": str(grpc),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    with (folder / "phoenix.log").open("wb") as log:
        process = subprocess.Popen(
            [str(phoenix_program()), "serve"], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environ
        )
    try:
        wait_for(lambda: _open(http) and _open(grpc), 120, what=f"phoenix; {(folder / 'phoenix.log').read_text()}")
        yield Contender(name="phoenix", pid=process.pid, ports={"HTTP": http, "gRPC": grpc})
    finally:
        process.terminate()
        process.wait()


def phoenix_program() -> Path | None:
    """Where it is: named by PHOENIX or on the PATH; None: nowhere."""
    named = os.environ.get("PHOENIX") or shutil.which("phoenix")
    return Path(named) if named else None


def _open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
