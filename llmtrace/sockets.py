"""The tap on a WebSocket: messages are noted on their way through, and nothing else about the connection changes.

The tap sits on the transport, below the client's connection: so the app holds the very object the client made, and
events, raw bytes, queued messages and reconnections all pass here. The caller's share is an append; the worker reads.

    send, recv, close ──append──▶ messages (bounded) ──▶ worker: exchanges ──▶ one span per response
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import wrapt

from llmtrace import clock, faults, unfinished
from llmtrace.outcomes import failure_of

if TYPE_CHECKING:
    from llmtrace.calls import Failure
    from llmtrace.exchanges import Exchanges, Line
    from llmtrace.observer import Observer
    from llmtrace.outcomes import End

    _Proxy = wrapt.ObjectProxy[Any]
else:
    _Proxy = wrapt.ObjectProxy  # generic from wrapt 2 on

MAX_WAITING_MESSAGES: Final = 16_384
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
"""More than that wait for the worker thread: what is not the begin or end of a response is let go."""
HEAD_BYTES: Final = 1024
"""So much is kept of a message of sound: enough for its names."""

_ASKS: Final = ('"response.create"', b'"response.create"')
_MILESTONES: Final = (b'"response.created"', b'"response.done"', b'"response.completed"', b'"response.failed"',
                      b'"response.incomplete"', b'"error"')  # fmt: skip


class Session:
    """What one connection carries, waiting for the worker."""

    def __init__(self, exchanges: Exchanges, observer: Observer) -> None:
        self._exchanges = exchanges
        self._observer = observer
        self._messages: deque[tuple[Any, ...]] = deque()
        self._bytes = 0
        self._waiting = False
        self._lost = False
        self._alive = True
        unfinished.streams.add(self)

    def sent(self, at_ns: int, data: bytes | str) -> None:
        """The app sends; only what asks for a response is kept, with where it was asked."""
        if _ASKS[not isinstance(data, str)] in data:  # type: ignore[operator]
            origin = self._observer.origin()
            if origin is not None:
                self._put(self._exchanges.sent, at_ns, data, origin)

    def received(self, data: bytes | str) -> None:
        """A message came."""
        size = len(data)
        raw = data if isinstance(data, bytes) else data.encode()
        if size > HEAD_BYTES and b"audio.delta" in raw[:256]:
            raw, size = raw[:HEAD_BYTES], HEAD_BYTES
        # Sending and receiving threads may lose one of their additions; the sum starts anew when all is read.
        self._bytes += size
        if (self._bytes > MAX_WAITING_BYTES or len(self._messages) >= MAX_WAITING_MESSAGES) and not self._must(raw):
            self._bytes -= size
            self._lost = True
            return
        self._put(self._exchanges.received, clock.now_ns(), raw)

    def end(self, end: End, failure: Failure | None = None) -> None:
        """The connection is over, or nobody can use it any more. Never blocks: safe in a finaliser."""
        self._put(self._exchanges.end, clock.now_ns(), end, failure)

    def disown(self) -> None:
        """It is another process that will tell."""
        self._alive = False
        self._messages.clear()

    def _must(self, raw: bytes) -> bool:
        head = raw[:256]
        return len(self._messages) < 2 * MAX_WAITING_MESSAGES and any(mark in head for mark in _MILESTONES)

    def _put(self, *message: Any) -> None:
        if not self._alive:
            return
        self._messages.append(message)
        if not self._waiting:
            self._waiting = True
            # One for each connection at most, and the messages are held, and counted, here.
            self._waiting = self._observer.worker.put_last(self._read)

    def _read(self) -> None:
        self._waiting = False
        while self._messages:
            tell, *about = self._messages.popleft()
            if self._lost:
                self._lost = False
                self._exchanges.lost()
            tell(*about)
        self._bytes = 0


class SocketTap:
    """Held by the connection alone: when that is garbage, so is this."""

    def __init__(self, session: Session) -> None:
        self._session: Session | None = session

    def sending(self, data: Any) -> None:
        """Before a message goes out."""
        session = self._session
        if session is None:
            return
        try:
            if isinstance(data, str | bytes):
                session.sent(clock.now_ns(), data)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not break the app's connection
            faults.report("sockets.sending", error)

    def received(self, data: Any) -> None:
        """After a message came in."""
        session = self._session
        if session is None:
            return
        try:
            if isinstance(data, str | bytes):
                session.received(data)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not break the app's connection
            faults.report("sockets.received", error)

    def failed(self, error: BaseException) -> None:
        """Sending or receiving raised: only the end of the connection is one; a time-out or a cancelled task is not."""
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if "ConnectionClosedOK" in kinds:
            self.ended("exhausted")
        elif "ConnectionClosed" in kinds:
            self.ended("broken", failure_of(error))

    def ended(self, end: End, failure: Failure | None = None) -> None:
        """The connection is over; a new one may take its place."""
        session = self._session
        if session is None:
            return
        try:
            session.end(end, failure)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not break the app's connection
            faults.report("sockets.ended", error, on_worker=True)

    def remove(self) -> None:
        """Note nothing any more."""
        self.ended("abandoned")
        self._session = None

    def __del__(self) -> None:
        self.ended("abandoned")


class TappedSocket(_Proxy):
    """The transport of a sync connection: same object to all who look."""

    def __init__(self, socket: Any, tap: SocketTap) -> None:
        super().__init__(socket)
        self._self_tap = tap

    def send(self, message: Any, *args: Any, **kwargs: Any) -> Any:
        """Send, and note what was sent."""
        tap: SocketTap = self._self_tap
        tap.sending(message)
        try:
            return self.__wrapped__.send(message, *args, **kwargs)
        except BaseException as error:
            tap.failed(error)
            raise

    def recv(self, *args: Any, **kwargs: Any) -> Any:
        """Receive, and note what came."""
        tap: SocketTap = self._self_tap
        try:
            data = self.__wrapped__.recv(*args, **kwargs)
        except BaseException as error:
            tap.failed(error)
            raise
        tap.received(data)
        return data

    def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close; what is still open is over."""
        self._self_tap.ended("closed")
        return self.__wrapped__.close(*args, **kwargs)


class TappedAsyncSocket(_Proxy):
    """The transport of an async connection: same object to all who look."""

    def __init__(self, socket: Any, tap: SocketTap) -> None:
        super().__init__(socket)
        self._self_tap = tap

    async def send(self, message: Any, *args: Any, **kwargs: Any) -> Any:
        """Send, and note what was sent."""
        tap: SocketTap = self._self_tap
        tap.sending(message)
        try:
            return await self.__wrapped__.send(message, *args, **kwargs)
        except BaseException as error:
            tap.failed(error)
            raise

    async def recv(self, *args: Any, **kwargs: Any) -> Any:
        """Receive, and note what came."""
        tap: SocketTap = self._self_tap
        try:
            data = await self.__wrapped__.recv(*args, **kwargs)
        except BaseException as error:
            tap.failed(error)
            raise
        tap.received(data)
        return data

    async def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close; what is still open is over."""
        self._self_tap.ended("closed")
        return await self.__wrapped__.close(*args, **kwargs)


def make_tap(line: Line, observer: Observer) -> SocketTap:
    """A tap for one connection."""
    from llmtrace.exchanges import Exchanges

    return SocketTap(Session(Exchanges(line, observer), observer))
