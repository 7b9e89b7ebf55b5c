"""OTLP over HTTP: `POST /v1/traces` with protobuf, plain or compressed; `GET /healthz`.

Written straight on ASGI: on this path a framework would cost more than the work. Answers follow OTLP 1.11: errors
carry a `google.rpc.Status` in protobuf, 503 a `Retry-After`, and only what may succeed later is 503.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from google.rpc.status_pb2 import Status

from llmtrace_collector.compressed import TooLargeError, UnreadableBodyError, inflate
from llmtrace_collector.names import VERSION_HEADER
from llmtrace_collector.receive.door import MAX_REQUEST_BYTES, RETRY_AFTER_S, Door, Fault, RefusedError, check_size
from llmtrace_collector.serving import instance

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

log = logging.getLogger(__name__)

_PROTOBUF = b"application/x-protobuf"


class HttpReceiver:
    """The ASGI application."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._version = importlib.metadata.version("llmtrace-otel").encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        if path == "/v1/traces":
            if method != "POST":
                await _say(send, 405, 12, "spans are sent with POST", [(b"allow", b"POST")])
            else:
                await self._traces(scope, receive, send)
        elif path == "/healthz" and method in {"GET", "HEAD"}:
            await self._health(send)
        else:
            await _say(
                send, 404, 5, f"there is nothing at {path[:100]}: spans go to /v1/traces, /healthz tells if they can"
            )

    async def _health(self, send: Send) -> None:
        why = self._door.why_closed()
        text = f"spans cannot be accepted: {why}\n" if why else "ok\n"
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (VERSION_HEADER.encode(), self._version)]
        headers += [(name.encode(), value.encode()) for name, value in instance().items()]
        await _answer(send, 503 if why else 200, text.encode(), headers)

    async def _traces(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        body = _Body(self._door)
        try:
            self._door.check_host(headers.get(b"host", b""))
            self._door.check_key(headers.get(b"authorization", b""))
            if reason := _wrong_type(headers.get(b"content-type", b"")):
                await _say(send, 415, 3, reason)
                return
            await self._door.accept(await body.read(receive, headers.get(b"content-encoding", b"")))
        except RefusedError as refused:
            await _say(send, refused.fault.http_status, refused.fault.grpc_code, str(refused), _hints(refused.fault))
        except _GoneError:
            return
        except Exception:
            log.exception("a request failed in a way nobody thought of")
            await _say(send, 503, 14, "the collector failed; send it again", _hints(Fault.BUSY))
        else:
            # An empty ExportTraceServiceResponse: everything was taken.
            await _answer(send, 200, b"", [(b"content-type", _PROTOBUF)])
        finally:
            body.release()


class _GoneError(Exception):
    """The client went away before its body was whole."""


class _Body:
    """The body of one request; its bytes are counted at the door until `release`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._held_bytes = 0

    async def read(self, receive: Receive, encoding: bytes) -> bytes:
        """The whole body, inflated.

        One over the limit is read on, and dropped, for as much again, or its sender would see a reset connection
        instead of the answer.
        """
        pieces: list[bytes] = []
        size = 0
        more = True
        while more and size <= 2 * MAX_REQUEST_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _GoneError
            piece = message.get("body", b"")
            size += len(piece)
            if size <= MAX_REQUEST_BYTES:
                self._hold(len(piece))
                pieces.append(piece)
            else:
                pieces.clear()
            more = message.get("more_body", False)
        check_size(size)
        return await self._inflated(b"".join(pieces), encoding)

    async def _inflated(self, body: bytes, encoding: bytes) -> bytes:
        if encoding in {b"", b"identity"}:
            return body
        whole = await asyncio.to_thread(_inflated, body, encoding) if len(body) > 4096 else _inflated(body, encoding)
        self._hold(len(whole))
        return whole

    def _hold(self, size_bytes: int) -> None:
        self._door.hold(size_bytes)
        self._held_bytes += size_bytes

    def release(self) -> None:
        """Gives the counted bytes back."""
        self._door.hold(-self._held_bytes)
        self._held_bytes = 0


def _inflated(body: bytes, encoding: bytes) -> bytes:
    try:
        return inflate(body, encoding.decode("latin-1"), MAX_REQUEST_BYTES)
    except TooLargeError as error:
        raise RefusedError(Fault.TOO_LARGE, str(error)) from error
    except UnreadableBodyError as error:
        raise RefusedError(Fault.MALFORMED, str(error)) from error


def _wrong_type(content_type: bytes) -> str:
    kind = content_type.split(b";")[0].strip().lower()
    if kind == _PROTOBUF:
        return ""
    shown = kind.decode("latin-1")[:100] or "none"
    return f"the content type is {shown}: send OTLP as application/x-protobuf (in SDKs: the http/protobuf exporter)"


def _hints(fault: Fault) -> Headers:
    if fault is Fault.BUSY:
        return [(b"retry-after", str(RETRY_AFTER_S).encode())]
    if fault is Fault.NO_KEY:
        return [(b"www-authenticate", b"Bearer")]
    return []


async def _say(send: Send, status: int, code: int, message: str, headers: Headers = ()) -> None:
    body = Status(code=code, message=message).SerializeToString()
    await _answer(send, status, body, [(b"content-type", _PROTOBUF), *headers])


async def _answer(send: Send, status: int, body: bytes, headers: Headers) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})
