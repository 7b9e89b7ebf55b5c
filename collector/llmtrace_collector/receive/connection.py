"""HTTP connections within limits: heads of bounded size and time, idle ones bounded in time and number.

    connected ──▶ idle ──head begins──▶ head ──whole──▶ request (body.py has its limits) ──answered──▶ idle ...
                   │ IDLE_S                │ HEAD_TIMEOUT_S: 408, MAX_HEAD_BYTES: 431
                   └▶ closed; the one idle for longest is closed at once when a new one would be one too many

uvicorn alone waits for ever for a first request and for the end of a head, and takes heads of any size.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import Any

from google.protobuf.json_format import MessageToJson
from google.rpc.status_pb2 import Status
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

IDLE_S = 75.0
"""Until a connection that sends nothing is closed; longer than the 60 s of most load balancers."""

HEAD_TIMEOUT_S = 10.0
"""From the first byte of a request to the end of its headers."""

MAX_HEAD_BYTES = 32 * 1024
"""Request line and headers; servers before us usually take 8 to 32 KiB."""

_OTHER_FILES = 1_000
"""Left of the process's open files for gRPC, the log and ClickHouse."""

log = logging.getLogger(__name__)
# What is no HTTP at all would be a line in the log for each.
log.setLevel(logging.ERROR)


class Connections:
    """All of one server: how many there may be, and which of them wait."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.idle: dict[Connection, None] = {}
        """The one that has waited longest first."""


def most_connections() -> int:
    """How many this process may have open, after raising its limit of open files as far as it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else 1_000_000
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError):
            most = soft
    return max(64, min(100_000, most - _OTHER_FILES))


class Connection(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *, all_connections: Connections, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.logger = log
        self._all = all_connections
        self._head_bytes = 0
        self._in_head = True
        self._timer: asyncio.TimerHandle | None = None
        self._fault = (400, 3, "this is not HTTP: send OTLP over HTTP/1.1, or over gRPC to the gRPC port")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts it, and makes room for it or refuses."""
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > self._all.most:
            if not self._all.idle:
                self._end(503, 14, "too many connections; come again")
                return
            next(iter(self._all.idle)).timeout_keep_alive_handler()
        self._all.idle[self] = None
        self._timer = self.loop.call_later(IDLE_S, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets it."""
        self._stop_timer()
        self._all.idle.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what came, and looks at the clock where a head is not whole yet."""
        if self.transport.is_closing():
            return
        begins = self._in_head and not self._head_bytes
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes and not self.transport.is_closing():
            if self._head_bytes > MAX_HEAD_BYTES:
                self._end(*_HEAD_TOO_LARGE)
            elif begins:
                self._stop_timer()
                self._timer = self.loop.call_later(HEAD_TIMEOUT_S, self._end, 408, 4, "the headers came too slowly")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._size = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, also of those that came in one piece."""
        self._size += len(name) + len(value)
        if self._size > MAX_HEAD_BYTES:
            self._fault = _HEAD_TOO_LARGE
            raise ValueError("headers too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: from here on the body has limits of its own."""
        self._in_head = False
        self._head_bytes = 0
        self._stop_timer()
        self._all.idle.pop(self, None)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next head may begin."""
        self._in_head = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It waits for another request, if there will be one."""
        super().on_response_complete()
        if not self.transport.is_closing() and not self.pipeline:
            self._all.idle[self] = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words are about nothing in particular
        """What could not be parsed is answered, and the connection closed."""
        self._end(*self._fault)

    def _end(self, status: int, code: int, message: str) -> None:
        if self.transport.is_closing():
            return
        body = MessageToJson(Status(code=code, message=message), indent=None).encode()
        head = (
            f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"content-length: {len(body)}\r\n{'retry-after: 1' + chr(13) + chr(10) if status == 503 else ''}\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_HEAD_TOO_LARGE = (431, 8, f"the request's headers are larger than {MAX_HEAD_BYTES:,} bytes")
_PHRASES = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large", 503: "Unavailable"}
