"""Sends requests from a process of its own, so that measuring and sending do not share an interpreter lock.

Over HTTP it writes to plain sockets: a client library would cost more than the servers that are measured.
"""

from __future__ import annotations

import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
Send = Callable[[bytes], None]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What came of a load; index for index in the order of the acknowledgements."""

    seconds: float
    """From the first request to the last acknowledgement."""
    acknowledged_ns: list[int]
    """When, Unix nanoseconds."""
    waits_ms: list[float]
    """From the first byte sent to the answer."""


def over_http(port: int) -> Send:
    """Sends on a kept connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = b"POST /v1/traces HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-protobuf\r\ncontent-length: "

    def send(body: bytes) -> None:
        connection.sendall(b"%b%d\r\n\r\n%b" % (head, len(body), body))
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(65536)
            assert piece, f"the server hung up after {answer!r}"
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        told, _, rest = answer.partition(b"\r\n\r\n")
        left = int(told.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0) - len(rest)
        while left > 0:
            left -= len(connection.recv(left))

    return send


def over_grpc(port: int) -> Send:
    """Sends on a channel and a connection of its own."""
    import grpc

    options = [("grpc.use_local_subchannel_pool", 1)]
    call = grpc.insecure_channel(f"127.0.0.1:{port}", options=options).unary_unary(EXPORT)
    return lambda body: call(body, timeout=60)


TRANSPORTS = {"HTTP": over_http, "gRPC": over_grpc}


def send_all(transport: str, port: int, work: Sequence[bytes], connections: int, *, a_second: float = 0.0) -> Sent:
    """Sends each body once over so many connections, as fast as answers come or so many requests a second."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_child, args=(there, transport, port, connections, a_second), daemon=True)
    process.start()
    here.send(list(work))
    found = here.recv()
    process.join()
    if isinstance(found, str):
        raise SystemExit(f"sending over {transport} failed: {found}")
    return Sent(**found)


def _child(pipe: Any, transport: str, port: int, connections: int, a_second: float) -> None:
    try:
        pipe.send(_send_all(pipe.recv(), lambda: TRANSPORTS[transport](port), connections, a_second))
    except BaseException as error:  # noqa: BLE001 - told to the parent, whatever it is
        pipe.send(repr(error))


def _send_all(work: list[bytes], connect: Callable[[], Send], connections: int, a_second: float) -> dict[str, Any]:
    lock = threading.Lock()
    queue = iter(enumerate(work))
    acknowledged: list[tuple[int, float]] = []
    failed: list[BaseException] = []
    # A connection is made by its first request; that one is not counted, and is empty.
    senders = [connect() for _ in range(connections)]
    for send in senders:
        send(b"")
    began = time.perf_counter()

    def run(send: Send) -> None:
        try:
            while True:
                with lock:
                    number, body = next(queue, (0, None))
                if body is None:
                    return
                if a_second and (early_s := began + number / a_second - time.perf_counter()) > 0:
                    time.sleep(early_s)
                started = time.perf_counter()
                send(body)
                acknowledged.append((time.time_ns(), (time.perf_counter() - started) * 1e3))
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=run, args=(send,)) for send in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    if failed:
        raise failed[0]
    acknowledged.sort()
    return {
        "seconds": seconds,
        "acknowledged_ns": [at for at, _ in acknowledged],
        "waits_ms": [wait for _, wait in acknowledged],
    }
