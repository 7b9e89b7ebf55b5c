"""OTLP over HTTP: `POST /v1/traces`, `/v1/logs`, `/v1/metrics`, protobuf or JSON, plain or compressed; `GET /healthz`.

Written straight on ASGI: on this path a framework would cost more than the work. Answers follow OTLP 1.11: errors
carry a `google.rpc.Status` in the request's encoding, 503 a `Retry-After`, and only what may succeed later is 503.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import logging
from collections.abc import Mapping
from typing import Any

from llmtrace_collector import otlp
from llmtrace_collector.landings import LANDINGS
from llmtrace_collector.names import VERSION_HEADER
from llmtrace_collector.receive.admin import PREFIX, Admin
from llmtrace_collector.receive.answers import JSON, PROTOBUF, Send, accept, answer, content_type, refuse
from llmtrace_collector.receive.body import Body, GoneError, Receive
from llmtrace_collector.receive.cors import Origins
from llmtrace_collector.receive.door import Accepted, Door
from llmtrace_collector.receive.feedback import PATH as FEEDBACK
from llmtrace_collector.receive.feedback import FeedbackDoor
from llmtrace_collector.receive.refused import Fault, RefusedError
from llmtrace_collector.serving import instance
from llmtrace_collector.signals import Signal
from llmtrace_collector.status import PATHS as STATUS_PATHS
from llmtrace_collector.status import Status

Scope = Mapping[str, Any]

log = logging.getLogger(__name__)

_PATHS = {f"/v1/{signal}": signal for signal in LANDINGS}
_TYPES = {PROTOBUF, JSON}


class HttpReceiver:
    """The ASGI application."""

    def __init__(self, door: Door, status: Status, origins: Origins | None = None, admin: Admin | None = None) -> None:
        """Without `admin` there is no admin API."""
        self._door = door
        self._admin = admin
        self._feedback = FeedbackDoor(door)
        self._status = status
        self._origins = origins or Origins()
        self._version = importlib.metadata.version("llmtrace-otel").encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        try:
            await self._route(scope, headers, receive, send)
        except RefusedError as refused:
            more = [(b"allow", b"POST")] if refused.fault is Fault.WRONG_METHOD else []
            await refuse(send, refused, content_type(headers), [*more, *self._origins.headers(headers)])
        except GoneError:
            return
        except Exception:
            log.exception("a request failed in a way nobody thought of")
            failed = RefusedError(Fault.BUSY, "the collector failed; send it again")
            await refuse(send, failed, content_type(headers))

    async def _route(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        signal = _PATHS.get(path)
        if signal is not None:
            if await self._is_answered(method, headers, send, signal):
                return
            accepted = await self._take(signal, headers, receive)
            await accept(send, _told(signal, accepted), content_type(headers), self._origins.headers(headers))
        elif path == FEEDBACK:
            if await self._is_answered(method, headers, send, "feedback"):
                return
            address = (scope.get("client") or ("",))[0]
            taken = await self._feedback.take(headers, address, receive)
            more = [(b"content-type", JSON), *self._origins.headers(headers)]
            await answer(send, 201, json.dumps(taken).encode(), more)
        elif path == "/healthz" and method in {"GET", "HEAD"}:
            await self._health(send)
        elif self._admin and path.startswith(PREFIX):
            await self._admin.answer(method, path, headers, receive, send)
        elif path in STATUS_PATHS and method in {"GET", "HEAD"}:
            status, kind, body = await asyncio.to_thread(self._status.answer, path)
            await answer(send, status, body, [(b"content-type", kind.encode())])
        else:
            raise RefusedError(
                Fault.NOWHERE,
                f"there is nothing at {path[:100]}: OTLP goes to {', '.join(_PATHS)}; /healthz tells if it can",
            )

    async def _is_answered(self, method: str, headers: Mapping[bytes, bytes], send: Send, what: str) -> bool:
        """Whether a browser only asked if it may send; raises `RefusedError` for what does not send at all."""
        if method == "OPTIONS" and (allowed := self._origins.preflight(headers)):
            await answer(send, 204, b"", allowed)
            return True
        if method != "POST":
            raise RefusedError(Fault.WRONG_METHOD, f"{what}: send it with POST")
        return False

    async def _health(self, send: Send) -> None:
        why = self._door.why_closed()
        text = f"spans cannot be accepted: {why}\n" if why else "ok\n"
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (VERSION_HEADER.encode(), self._version)]
        headers += [(name.encode(), value.encode()) for name, value in instance().items()]
        await answer(send, 503 if why else 200, text.encode(), headers)

    async def _take(self, signal: Signal, headers: Mapping[bytes, bytes], receive: Receive) -> Accepted:
        self._door.check_host(headers.get(b"host", b""))
        caller = self._door.authorize(headers.get(b"authorization", b""))
        kind = content_type(headers)
        if kind not in _TYPES:
            raise RefusedError(Fault.WRONG_TYPE, _wrong_type(kind))
        body = Body(self._door)
        try:
            whole = await body.read(receive, headers)
            return await self._door.accept(signal, whole, transport="http", json=kind == JSON, project=caller.project)
        finally:
            body.release()


class StatusOnly:
    """The same application for those who ask how it is, and nothing else."""

    def __init__(self, whole: HttpReceiver) -> None:
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        path = scope.get("path", "")
        open_here = path == "/healthz" or path in STATUS_PATHS
        await self._whole(scope if open_here else {**scope, "path": f"{path} on this port"}, receive, send)


def _told(signal: Signal, accepted: Accepted) -> Any:
    if not accepted.rejected and not accepted.message:
        return None
    return otlp.response(signal, rejected=accepted.rejected, message=accepted.message)


def _wrong_type(kind: bytes) -> str:
    shown = kind.decode("latin-1")[:100] or "none"
    return f"the content type is {shown}: send OTLP as application/x-protobuf or application/json"
