"""What is said over HTTP, in the encoding of the request: protobuf to those who send it, JSON to everybody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo

from llmtrace_collector.receive.refused import RETRY_AFTER_S, Fault, RefusedError

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

PROTOBUF = b"application/x-protobuf"
JSON = b"application/json"

_EMPTY = {PROTOBUF: b"", JSON: b"{}"}
_FINDS_DETAILS = RetryInfo
"""Imported so that protobuf can write the details of a status as JSON."""


def content_type(headers: Mapping[bytes, bytes]) -> bytes:
    """The media type of a request, without parameters; b'' when it has none."""
    return headers.get(b"content-type", b"").split(b";")[0].strip().lower()


async def answer(send: Send, status: int, body: bytes, headers: Headers) -> None:
    """Sends one whole answer."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def accept(send: Send, message: Message | None, kind: bytes, headers: Headers = ()) -> None:
    """200, with a message where there is something to say."""
    body = _EMPTY[kind] if message is None else _encoded(message, kind)
    await answer(send, 200, body, [(b"content-type", kind), *headers])


async def refuse(send: Send, refused: RefusedError, kind: bytes, headers: Headers = ()) -> None:
    """The status of a fault with a `google.rpc.Status`."""
    kind = PROTOBUF if kind == PROTOBUF else JSON
    body = _encoded(refused.status, kind)
    more = [(b"content-type", kind), *_hints(refused.fault), *headers]
    await answer(send, refused.fault.http_status, body, more)


def _encoded(message: Message, kind: bytes) -> bytes:
    return message.SerializeToString() if kind == PROTOBUF else MessageToJson(message, indent=None).encode()


def _hints(fault: Fault) -> Headers:
    if fault in {Fault.BUSY, Fault.TOO_MANY}:
        return [(b"retry-after", str(RETRY_AFTER_S).encode())]
    if fault is Fault.NO_KEY:
        return [(b"www-authenticate", b"Bearer")]
    if fault is Fault.TOO_SLOW:
        return [(b"connection", b"close")]
    return []
