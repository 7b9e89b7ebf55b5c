"""Spans per second accepted and stored, beside a server that only reads the body, in one run.

    python benchmarks/ingest.py [--spans 40000] [--connections 8]

Bounded in count, loopback only. Wall figures depend on the machine and on what else runs on it; CPU-seconds per
million spans (user + system, of the collector and of the store) hold better. The sender takes part of the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import grpc

from support.otlp import CALL, request, span
from support.services import Process, Stack, free_ports, stack_at
from support.waiting import wait_for

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
TICKS = os.sysconf("SC_CLK_TCK")
Send = Callable[[bytes], None]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one load showed."""

    spans: int
    accepted_s: float
    stored_s: float
    acknowledgements_ms: list[float]
    collector_cpu_s: float
    store_cpu_s: float


def bodies(count: int, spans_each: int, *, seed: int = 7) -> list[bytes]:
    """Requests of realistic spans: 20 attributes and about 3.3 KB each, incompressible where prompts would be."""
    dice = random.Random(seed)
    more = {f"app.attribute.{n}": f"value {n}" for n in range(12)}

    def attributes() -> dict[str, object]:
        text = dice.randbytes(1200).hex()
        return {**CALL, **more, "user.id": f"user-{dice.randrange(1000)}", "app.text": text}

    return [request(*(span(attributes()) for _ in range(spans_each))) for _ in range(count)]


def over_http(port: int) -> Send:
    """Sends on a kept connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(body: bytes) -> None:
        connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status

    return send


def over_grpc(port: int) -> Send:
    """Sends on a channel of its own."""
    call = grpc.insecure_channel(f"127.0.0.1:{port}").unary_unary(EXPORT)
    return lambda body: call(body, timeout=60)


def load(connect: Callable[[], Send], work: list[bytes], connections: int) -> tuple[float, list[float]]:
    """Sends everything once over so many connections; seconds and each acknowledgement in milliseconds."""
    queue = iter(work)
    lock = threading.Lock()
    waits: list[float] = []

    def sender() -> None:
        send = connect()
        while True:
            with lock:
                body = next(queue, None)
            if body is None:
                return
            started = time.perf_counter()
            send(body)
            waits.append((time.perf_counter() - started) * 1e3)

    threads = [threading.Thread(target=sender) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started, waits


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure(
    stack: Stack,
    processes: tuple[Process, Process],
    connect: Callable[[], Send],
    work: list[bytes],
    *,
    spans: int,
    connections: int,
) -> Figures:
    """One load, until the last span can be queried."""
    reader = stack.reader()
    count = "SELECT count() FROM spans"
    before = reader.query(count).result_rows[0][0]
    store, collector = (process.popen.pid for process in processes)
    cpu_before = cpu_s(store), cpu_s(collector)
    started = time.perf_counter()
    accepted_s, waits = load(connect, work, connections)
    wait_for(lambda: reader.query(count).result_rows[0][0] - before >= spans, 300, what=f"{spans} rows")
    stored_s = time.perf_counter() - started
    assert reader.query(count).result_rows[0][0] - before == spans
    return Figures(
        spans=spans,
        accepted_s=accepted_s,
        stored_s=stored_s,
        acknowledgements_ms=waits,
        collector_cpu_s=cpu_s(collector) - cpu_before[1],
        store_cpu_s=cpu_s(store) - cpu_before[0],
    )


def read_only_server(port: int) -> None:
    """The upper bound: the same HTTP server, reading the body and nothing else."""
    import uvicorn

    async def app(_: dict, receive: Callable, send: Callable) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", http="httptools", lifespan="off")
    asyncio.run(uvicorn.Server(config).serve())


def upper_bound(work: list[bytes], connections: int) -> float:
    """Seconds for the same load on a server that only reads."""
    (port,) = free_ports(1)
    server = multiprocessing.get_context("spawn").Process(target=read_only_server, args=(port,), daemon=True)
    server.start()

    def up() -> bool:
        try:
            over_http(port)(b"")
        except OSError:
            return False
        return True

    wait_for(up)
    seconds, _ = load(lambda: over_http(port), work, connections)
    server.terminate()
    server.join()
    return seconds


def show(name: str, figures: Figures, bound_s: float | None) -> None:
    """One row of the table."""
    waits = sorted(figures.acknowledgements_ms)
    million = 1e6 / figures.spans
    ratio = f"{bound_s / figures.accepted_s:5.2f}" if bound_s else "    -"
    print(
        f"{name:<26} {figures.spans / figures.accepted_s:>10,.0f} {figures.spans / figures.stored_s:>9,.0f} {ratio}"
        f" {statistics.median(waits):>7.1f} {waits[int(len(waits) * 0.99)]:>7.1f}"
        f" {figures.collector_cpu_s * million:>10.1f} {figures.store_cpu_s * million:>8.1f}"
    )


def main() -> None:
    """Runs the loads and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=40_000, help="in the large loads; a twentieth in the small one")
    parser.add_argument("--connections", type=int, default=8)
    given = parser.parse_args()
    large = bodies(given.spans // 100, 100)
    small = bodies(given.spans // 20, 1)
    print(f"{os.cpu_count()} cores, {given.connections} connections, {len(large[0]) / 100:,.0f} bytes a span\n")
    head = ("", "accepted/s", "stored/s", "ratio", "p50 ms", "p99 ms", "coll CPU-s", "store")
    print("{:<26} {:>10} {:>9} {} {:>7} {:>7} {:>10} {:>8}".format(*head))
    with tempfile.TemporaryDirectory() as folder, stack_at(Path(folder)) as stack:
        processes = stack.store(), stack.collector()
        wait_for(lambda: stack.reader().command("EXISTS TABLE spans"))
        loads = (
            ("HTTP, 100 spans a request", lambda: over_http(stack.http_port), large, len(large) * 100, True),
            ("HTTP, 1 span a request", lambda: over_http(stack.http_port), small, len(small), True),
            ("gRPC, 100 spans a request", lambda: over_grpc(stack.grpc_port), large, len(large) * 100, False),
        )
        for name, connect, work, spans, bounded in loads:
            bound_s = upper_bound(work, given.connections) if bounded else None
            show(name, measure(stack, processes, connect, work, spans=spans, connections=given.connections), bound_s)
    print("\nratio: accepted and durable, against the server that only reads; CPU-s: per million spans")


if __name__ == "__main__":
    main()
