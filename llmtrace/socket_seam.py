"""The one place that knows private names of the OpenAI client's WebSocket connections.

A connection, realtime or responses, sync or async, of any release that has one, is made around the transport it is
handed, and reconnects by asking ``make_ws`` for another. Both are tapped as the connection is made; nothing else is.

The modules are not imported here, for they are large and most apps never do: each is met when it is imported.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit
from weakref import WeakSet

import wrapt

from llmtrace import faults
from llmtrace.exchanges import Line
from llmtrace.imports import when_imported
from llmtrace.operations import REALTIME, RESPONSES_SOCKET
from llmtrace.servers import server_at
from llmtrace.sockets import SocketTap, TappedAsyncSocket, TappedSocket, make_tap

if TYPE_CHECKING:
    from types import ModuleType

    from llmtrace.calls import Operation
    from llmtrace.observer import Observer

_INIT: Final = "__init__"
_SOCKET: Final = "_connection"
_REMAKE: Final = "make_ws"

_CONNECTIONS: Final[tuple[tuple[str, str, Operation], ...]] = (
    ("openai.resources.realtime.realtime", "RealtimeConnection", REALTIME),
    ("openai.resources.beta.realtime.realtime", "RealtimeConnection", REALTIME),
    ("openai.resources.responses.responses", "ResponsesConnection", RESPONSES_SOCKET),
    ("openai.resources.beta.responses.responses", "ResponsesConnection", RESPONSES_SOCKET),
)


class SocketSeam:
    """The connections made from now on, tapped; ``remove`` leaves all as it was, those that are open too."""

    def __init__(self, observer: Observer) -> None:
        self._observer: Observer | None = observer
        self._take_back: list[Callable[[], None]] = []
        self._originals: list[tuple[type, object, object]] = []
        self._tapped: WeakSet[Any] = WeakSet()

    def install(self) -> None:
        """Wrap the connections of every module that is there, and of the others once they are."""
        for module, name, operation in _CONNECTIONS:
            self._take_back.append(when_imported(module, self._wrapper(name, operation)))

    def remove(self) -> None:
        """Put the originals back, and the transports of open connections."""
        self._observer = None
        for take_back in self._take_back:
            take_back()
        for owner, original, ours in self._originals:
            if owner.__dict__.get(_INIT) is ours:
                setattr(owner, _INIT, original)
        for connection in list(self._tapped):
            _untap(connection)
        self._originals.clear()

    def _wrapper(self, name: str, operation: Operation) -> Callable[[ModuleType], None]:
        def wrap(module: ModuleType) -> None:
            for full_name in (name, f"Async{name}"):
                connection = getattr(module, full_name, None)
                if isinstance(connection, type) and _INIT in vars(connection):
                    self._wrap(connection, operation)

        return wrap

    def _wrap(self, connection: type, operation: Operation) -> None:
        def made(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            wrapped(*args, **kwargs)
            self._tap(instance, operation)

        original = vars(connection)[_INIT]
        ours = wrapt.FunctionWrapper(original, made)
        setattr(connection, _INIT, ours)
        self._originals.append((connection, original, ours))

    def _tap(self, connection: Any, operation: Operation) -> None:
        observer = self._observer
        if observer is None:
            return
        try:
            socket = getattr(connection, _SOCKET)
            line = _line(socket, operation, observer)
            if line is None:
                return
            tap = make_tap(line, observer)
            setattr(connection, _SOCKET, _tapped(socket, tap))
            remake = getattr(connection, f"_{_REMAKE}", None)
            if remake is not None:
                setattr(connection, f"_{_REMAKE}", _remaking(remake, tap))
            self._tapped.add(connection)
        except Exception as error:  # noqa: BLE001 - the connection goes on without us
            faults.report("socket_seam.tap", error)


def _tapped(socket: Any, tap: SocketTap) -> Any:
    is_async = inspect.iscoroutinefunction(type(socket).send)
    return (TappedAsyncSocket if is_async else TappedSocket)(socket, tap)


def _untap(connection: Any) -> None:
    try:
        socket = getattr(connection, _SOCKET)
        if isinstance(socket, TappedSocket | TappedAsyncSocket):
            socket._self_tap.remove()  # noqa: SLF001 - our own proxy: a plain name would be the transport's
            setattr(connection, _SOCKET, socket.__wrapped__)
        remake = getattr(connection, f"_{_REMAKE}", None)
        if isinstance(remake, wrapt.FunctionWrapper):
            setattr(connection, f"_{_REMAKE}", remake.__wrapped__)
    except Exception as error:  # noqa: BLE001 - whatever it has become, it is the app's
        faults.report("socket_seam.untap", error)


def _remaking(remake: Callable[..., Any], tap: SocketTap) -> Callable[..., Any]:
    async def later(made: Any) -> Any:
        return _tapped(await made, tap)

    def around(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        made = wrapped(*args, **kwargs)
        return later(made) if inspect.isawaitable(made) else _tapped(made, tap)

    return wrapt.FunctionWrapper(remake, around)


def _line(socket: Any, operation: Operation, observer: Observer) -> Line | None:
    origin = observer.origin()
    if origin is None:
        return None
    request = socket.request
    named = urlsplit(f"//{request.headers.get('Host', '')}")
    asked = parse_qs(urlsplit(request.path).query)
    # The Host header leaves out the port that the scheme has anyway, and only TLS is served on one of those.
    server = server_at("https", named.hostname or "", named.port)
    model = next((asked[key][0] for key in ("model", "deployment") if key in asked), None)
    return Line(operation=operation, server=server, model=model, origin=origin)
