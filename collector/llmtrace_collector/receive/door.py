"""What happens to one OTLP body, whichever way it came: key, size, shape, log, acknowledgement.

Nothing is decoded per span in Python: upb parses the body to see that it is OTLP and to count, and the bytes go on as
they came; JSON is turned into them first. ClickHouse's own parser is lenient (it takes ten bytes of 0xFF for a row), so
this is the one strict door. Ids, times and depth are judged in SQL, behind the log.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from google.protobuf.message import Message

from llmtrace_collector import otlp, telemetry
from llmtrace_collector.access import DEFAULT_PROJECT, Caller, KeysUnreadableError, Scope
from llmtrace_collector.access.guard import DeniedError, Guard, ScopeError
from llmtrace_collector.otlp_json import JsonError, TooManyValuesError, read_json
from llmtrace_collector.receive.deep import flatten_logs, has_deep
from llmtrace_collector.receive.redacting import Change
from llmtrace_collector.receive.refused import Fault, RefusedError
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal import Appender, WalFullError
from llmtrace_collector.wal.record import encode

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 64 * 1024**2
"""Of one request, also once inflated: what OTLP 1.11 recommends."""

MAX_IN_FLIGHT_BYTES = 512 * 1024**2
"""Of all bodies being received; beyond it senders are asked to come again."""

_LARGE_BYTES = 1024**2


@dataclass(kw_only=True)
class Counters:
    """Since the start of the process."""

    accepted_spans: int = 0
    """Acknowledged: durable in the log."""
    refused_requests: int = 0


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What became of a request that was taken, at least in part; it is durable."""

    items: int
    """Spans, log records or data points that are kept."""
    rejected: int = 0
    """Those that are not."""
    message: str = ""
    """One sentence about what was rejected; '' when nothing was."""


class Door:
    """Judges bodies and puts the good ones into the log."""

    def __init__(
        self, wal: Appender, *, guard: Guard | None = None, hosts: Collection[str] = (), change: Change | None = None
    ) -> None:
        """`guard` knows the keys; without one nobody is asked for any.

        `change` takes out of each request what must not be kept.

        `hosts` are the names HTTP requests may call this machine by where no key is asked for; none: any.
        """
        self._wal = wal
        self._hosts = frozenset(hosts)
        self._guard = guard or Guard()
        self._change = change
        self._told_of_keys = False
        self._in_flight_bytes = 0
        # One at a time: what JSON is read into takes several times its size.
        self._large_json = asyncio.Semaphore(1)
        self.counters = Counters()

    def why_closed(self) -> str:
        """Why nothing can be accepted now; '' when it can."""
        return self._wal.why_refusing()

    def check_host(self, host: bytes) -> None:
        """Raises `RefusedError` for a foreign Host: a page in a browser here may have made its own name point to us.

        A page has no key, so where one is asked for any name will do.
        """
        name = re.sub(r":\d+$", "", host.decode("latin-1")).strip("[]").lower()
        if self._hosts and name not in self._hosts and not self._asks():
            self.counters.refused_requests += 1
            raise RefusedError(
                Fault.FOREIGN_HOST,
                f"this collector listens for this machine only and does not answer to the host name {name[:100]!r}",
            )

    def authorize(self, authorization: bytes, scope: Scope = Scope.INGEST) -> Caller:
        """Who sends this `authorization` header; raises `RefusedError` when they may not do what `scope` is for."""
        try:
            return self._guard.authorize(authorization, scope)
        except KeysUnreadableError as error:
            raise self._keys_unreadable(error) from error
        except DeniedError as error:
            self.counters.refused_requests += 1
            fault = Fault.WRONG_SCOPE if isinstance(error, ScopeError) else Fault.NO_KEY
            raise RefusedError(fault, str(error)) from error

    def _asks(self) -> bool:
        try:
            return self._guard.asks(Scope.INGEST)
        except KeysUnreadableError as error:
            raise self._keys_unreadable(error) from error

    def _keys_unreadable(self, error: KeysUnreadableError) -> RefusedError:
        self.counters.refused_requests += 1
        if not self._told_of_keys:
            self._told_of_keys = True
            log.error("nothing is accepted: %s", error)
        return RefusedError(Fault.BUSY, "this collector cannot read its keys just now; send it again")

    def hold(self, size_bytes: int) -> None:
        """Counts bytes of a body that is being received; give them back with a negative size.

        Raises:
            RefusedError: too many are in flight; then nothing was counted.
        """
        if size_bytes > 0 and self._in_flight_bytes + size_bytes > MAX_IN_FLIGHT_BYTES:
            raise RefusedError(Fault.BUSY, "too many large requests are coming in at once; send it again")
        self._in_flight_bytes += size_bytes

    async def accept(
        self, signal: Signal, body: bytes, *, transport: str, json: bool = False, project: str = DEFAULT_PROJECT
    ) -> Accepted:
        """Takes one request and returns once it is durable. `transport` is what it is counted under: http or grpc.

        Raises:
            RefusedError: with the fault; nothing of the body was kept.
        """
        try:
            accepted = await self._accept(signal, body, transport=transport, json=json, project=project)
        except RefusedError:
            self.counters.refused_requests += 1
            raise
        except OSError as error:
            self.counters.refused_requests += 1
            raise RefusedError(Fault.BUSY, f"{signal} cannot be kept just now: {error.strerror}") from error
        telemetry.count(f"otelcol_receiver_accepted_{signal.items}", accepted.items, transport=transport)
        telemetry.count(f"otelcol_receiver_refused_{signal.items}", accepted.rejected, transport=transport)
        return accepted

    async def _accept(self, signal: Signal, body: bytes, *, transport: str, json: bool, project: str) -> Accepted:
        check_size(len(body))
        judged = await self._judge(signal, body, json=json)
        if judged.items:
            record = encode(project=project, received_ns=time.time_ns(), request=judged.body, items=judged.items)
            try:
                await asyncio.wrap_future(self._wal.append(record, weight=judged.weight, signal=signal))
            except WalFullError as error:
                telemetry.count(f"otelcol_receiver_refused_{signal.items}", judged.items, transport=transport)
                raise RefusedError(Fault.BUSY, f"{signal} cannot be kept just now: {error}; send them again") from error
        if signal is Signal.TRACES:
            self.counters.accepted_spans += judged.items
        return Accepted(items=judged.items, rejected=judged.rejected, message=judged.message)

    async def _judge(self, signal: Signal, body: bytes, *, json: bool) -> _Judged:
        judge = partial(_judge_json if json else _judge_protobuf, change=self._change)
        large_bytes = _LARGE_BYTES // 100 if self._change else _LARGE_BYTES // 10 if json else _LARGE_BYTES
        # A large body is read beside the loop, or every other sender would wait for it.
        if len(body) <= large_bytes:
            return judge(signal, body)
        if not json:
            return await asyncio.to_thread(judge, signal, body)
        async with self._large_json:
            return await asyncio.to_thread(judge, signal, body)


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """What of a request is kept."""

    body: bytes
    items: int
    weight: int
    rejected: int = 0
    message: str = ""


def check_size(size_bytes: int) -> None:
    """Raises `RefusedError` for a body over the limit."""
    if size_bytes > MAX_REQUEST_BYTES:
        raise RefusedError(
            Fault.TOO_LARGE, f"the request is larger than {MAX_REQUEST_BYTES:,} bytes: send less at a time"
        )


def _judge_protobuf(signal: Signal, body: bytes, *, change: Change | None) -> _Judged:
    try:
        request = otlp.parse(signal, body)
    except otlp.MalformedError as error:
        raise RefusedError(Fault.MALFORMED, str(error)) from error
    if change:
        _apply(change, request)
        body = request.SerializeToString()
    return _weigh(signal, request, _flattened(signal, request, body))


def _judge_json(signal: Signal, body: bytes, *, change: Change | None) -> _Judged:
    try:
        request = read_json(body, otlp.FORMS[signal].request)
    except JsonError as error:
        raise RefusedError(Fault.MALFORMED, f"the body is not OTLP in JSON: {str(error)[:300]}") from error
    except TooManyValuesError as error:
        raise RefusedError(Fault.TOO_LARGE, f"{error}: send less at a time") from error
    if change:
        _apply(change, request)
    return _weigh(signal, request, _flattened(signal, request, request.SerializeToString()))


def _flattened(signal: Signal, request: Message, body: bytes) -> bytes:
    """The body, its values as deep as they are stored. Of logs alone: there the conventions ask for deep values."""
    if signal is not Signal.LOGS or not has_deep(signal, body):
        return body
    flatten_logs(request)
    return request.SerializeToString()


def _apply(change: Change, request: Message) -> None:
    """Fails closed: what cannot be gone through is not kept."""
    try:
        change(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be kept unseen
        # Not the error's own words: they may quote what must not be kept.
        log.error("a request was refused because redaction failed on it (%s)", type(error).__name__)
        raise RefusedError(
            Fault.MALFORMED, "the request cannot be redacted, so nothing of it is kept: send it in another form"
        ) from None


def _weigh(signal: Signal, request: Message, body: bytes) -> _Judged:
    size = _measure(signal, request, body)
    if size.weight <= otlp.MAX_WEIGHT_BYTES:
        return _Judged(body=body, items=size.items, weight=size.weight)
    rejected = otlp.drop_heavy(signal, request)
    rest = request.SerializeToString()
    size = _measure(signal, request, rest)
    noun = otlp.FORMS[signal].noun
    message = (
        f"{rejected:,} {noun} unfold to more than {otlp.MAX_WEIGHT_BYTES:,} bytes, for each carries its resource's"
        " attributes: send fewer at a time or smaller resources"
    )
    if not size.items:
        raise RefusedError(Fault.TOO_LARGE, message)
    if size.weight > otlp.MAX_WEIGHT_BYTES:
        raise RefusedError(
            Fault.TOO_LARGE,
            f"the request unfolds to about {size.weight:,} bytes, the most is {otlp.MAX_WEIGHT_BYTES:,}:"
            f" each of its {noun} carries its resource's attributes, so send fewer at a time or smaller resources",
        )
    return _Judged(body=rest, items=size.items, weight=size.weight, rejected=rejected, message=message)


def _measure(signal: Signal, request: Message, body: bytes) -> otlp.Size:
    try:
        return otlp.measure(signal, request, len(body))
    except otlp.TooManyError as error:
        raise RefusedError(Fault.TOO_LARGE, f"{error}: send fewer at a time") from error
