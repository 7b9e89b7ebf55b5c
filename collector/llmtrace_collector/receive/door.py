"""What happens to one OTLP body, whichever way it came: key, size, shape, log, acknowledgement.

Nothing is decoded per span in Python: upb parses the body to see that it is OTLP and to count, and the bytes go on as
they came. ClickHouse's own parser is lenient (it takes ten bytes of 0xFF for a row), so this is the one strict door.
Ids, times and depth are judged in SQL, behind the log.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from llmtrace_collector import otlp
from llmtrace_collector.wal import Wal, WalFullError
from llmtrace_collector.wal.record import encode

MAX_REQUEST_BYTES = 64 * 1024**2
"""Of one request, also once inflated: what OTLP 1.11 recommends."""

MAX_WEIGHT_BYTES = 512 * 1024**2
"""Of one request once each span carries its resource's attributes, as its rows do."""

MAX_IN_FLIGHT_BYTES = 512 * 1024**2
"""Of all bodies being received; beyond it senders are asked to come again."""

_LARGE_BYTES = 1024**2

RETRY_AFTER_S = 1
"""Exporters in Python give up after 10 s in all, so a longer hint would lose spans."""

DEFAULT_PROJECT = "default"


class Fault(Enum):
    """Why a body was not taken, with its gRPC status code and HTTP status."""

    MALFORMED = (3, 400)
    TOO_LARGE = (8, 413)
    NO_KEY = (16, 401)
    FOREIGN_HOST = (7, 403)
    BUSY = (14, 503)

    @property
    def grpc_code(self) -> int:
        """The number of the `google.rpc.Code`."""
        return self.value[0]

    @property
    def http_status(self) -> int:
        """The status of the HTTP answer."""
        return self.value[1]


class RefusedError(Exception):
    """A body was not taken; the text is one sentence for its sender."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(kw_only=True)
class Counters:
    """Since the start of the process."""

    accepted_spans: int = 0
    """Acknowledged: durable in the log."""
    refused_requests: int = 0


class Door:
    """Judges bodies and puts the good ones into the log."""

    def __init__(self, wal: Wal, *, key: str = "", hosts: Collection[str] = ()) -> None:
        """`key` is the bearer token every sender must give; '' asks for none.

        `hosts` are the names HTTP requests may call this machine by; none: any.
        """
        self._wal = wal
        self._hosts = frozenset(hosts)
        self._authorization = f"Bearer {key}".encode() if key else b""
        self._in_flight_bytes = 0
        self.counters = Counters()

    def why_closed(self) -> str:
        """Why spans cannot be accepted now; '' when they can."""
        return self._wal.why_refusing()

    def check_host(self, host: bytes) -> None:
        """Raises `RefusedError` for a foreign Host: a page in a browser here may have made its own name point to us."""
        name = re.sub(r":\d+$", "", host.decode("latin-1")).strip("[]").lower()
        if self._hosts and name not in self._hosts:
            self.counters.refused_requests += 1
            raise RefusedError(
                Fault.FOREIGN_HOST,
                f"this collector listens for this machine only and does not answer to the host name {name[:100]!r}",
            )

    def check_key(self, authorization: bytes) -> None:
        """Raises `RefusedError` when a key is asked for and `authorization` does not carry it."""
        if self._authorization and not hmac.compare_digest(authorization, self._authorization):
            self.counters.refused_requests += 1
            raise RefusedError(
                Fault.NO_KEY,
                "this collector needs its ingest key: send the header 'authorization: Bearer KEY'"
                " (in llmtrace apps: set LLMTRACE_INGEST_KEY)",
            )

    def hold(self, size_bytes: int) -> None:
        """Counts bytes of a body that is being received; give them back with a negative size.

        Raises:
            RefusedError: too many are in flight; then nothing was counted.
        """
        if size_bytes > 0 and self._in_flight_bytes + size_bytes > MAX_IN_FLIGHT_BYTES:
            raise RefusedError(Fault.BUSY, "too many large requests are coming in at once; send it again")
        self._in_flight_bytes += size_bytes

    async def accept(self, body: bytes) -> int:
        """Takes one ExportTraceServiceRequest and returns its number of spans once it is durable.

        Raises:
            RefusedError: with the fault; nothing of the body was kept.
        """
        try:
            return await self._accept(body)
        except RefusedError:
            self.counters.refused_requests += 1
            raise
        except OSError as error:
            self.counters.refused_requests += 1
            raise RefusedError(Fault.BUSY, f"spans cannot be kept just now: {error.strerror}") from error

    async def _accept(self, body: bytes) -> int:
        check_size(len(body))
        # A large body is parsed beside the loop, or every other sender would wait for it.
        size = await asyncio.to_thread(_measure, body) if len(body) > _LARGE_BYTES else _measure(body)
        if not size.spans:
            return 0
        record = encode(project=DEFAULT_PROJECT, received_ns=time.time_ns(), request=body, items=size.spans)
        try:
            await asyncio.wrap_future(self._wal.append(record, weight=size.weight))
        except WalFullError as error:
            raise RefusedError(Fault.BUSY, f"spans cannot be kept just now: {error}; send them again") from error
        self.counters.accepted_spans += size.spans
        return size.spans


def check_size(size_bytes: int) -> None:
    """Raises `RefusedError` for a body over the limit."""
    if size_bytes > MAX_REQUEST_BYTES:
        raise RefusedError(
            Fault.TOO_LARGE, f"the request is larger than {MAX_REQUEST_BYTES:,} bytes: send fewer spans at a time"
        )


def _measure(body: bytes) -> otlp.Size:
    try:
        size = otlp.measure(body)
    except otlp.MalformedError as error:
        raise RefusedError(Fault.MALFORMED, str(error)) from error
    except otlp.TooManyError as error:
        raise RefusedError(Fault.TOO_LARGE, f"{error}: send fewer at a time") from error
    if size.weight > MAX_WEIGHT_BYTES:
        raise RefusedError(
            Fault.TOO_LARGE,
            f"the request unfolds to about {size.weight:,} bytes, the most is {MAX_WEIGHT_BYTES:,}:"
            " each span carries its resource's attributes, so send fewer spans or smaller resources",
        )
    return size
