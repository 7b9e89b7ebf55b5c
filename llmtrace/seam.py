"""The one place that knows private names of the OpenAI client, and of Anthropic's, which is made on the same base.

Every HTTP call of the client passes ``request`` of its base client: ``create``, ``parse``, ``stream``, raw and
streaming responses, paginators, and resources nobody has heard of yet. Inside it ``_process_response`` is handed the
HTTP response, from which the bytes sent and answered are read later, elsewhere. When a client does not have these two,
``install`` answers False and the client stays as it is.

``_calculate_retry_timeout`` is asked how long to wait before an attempt is made again, while the error of the last one
is being handled. A client without it has its retries untold.

``_iter_events`` of a stream is where newer clients turn errors of the HTTP library into their own, for those who read
through it. Its call says that the client reads; with older ones the app sees the HTTP library's errors. There, too, a
chunk that the app did not ask for is hidden from it (``asking``).
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from copy import copy
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from weakref import WeakSet

import wrapt

from llmtrace import faults
from llmtrace.acting import ListenedStream, is_instead, note
from llmtrace.answers import HttpAnswer
from llmtrace.asking import hidden, hidden_async, with_usage
from llmtrace.attempts import failed_attempt
from llmtrace.beside import marks_beside, server_marks
from llmtrace.currents import go_back
from llmtrace.imports import when_imported
from llmtrace.outcomes import Reader, attribute_of, failure_of
from llmtrace.servers import client_kind, server_at
from llmtrace.socket_seam import SocketSeam
from llmtrace.streams import Tap, TappedStream

if TYPE_CHECKING:
    from types import ModuleType

    from llmtrace.acting import Acted, Acting
    from llmtrace.calls import Server
    from llmtrace.observer import Observation, Observer
    from llmtrace.recordings import Recording

MODULE: Final = "openai._base_client"
OTHERS: Final = ("anthropic._base_client",)
"""Clients of other vendors made on the same base: wrapped once the app has imported them, never imported by us."""
_SYNC: Final = "SyncAPIClient"
_ASYNC: Final = "AsyncAPIClient"
_OUTER: Final = "request"
_INNER: Final = "_process_response"
_WAIT: Final = "_calculate_retry_timeout"

_STREAMING: Final = "openai._streaming"
_STREAMS: Final = ("Stream", "AsyncStream")
_EVENTS: Final = "_iter_events"
_RAW_HEADER: Final = "X-Stainless-Raw-Response"

_with_usage: WeakSet[Any] = WeakSet()
"""Responses with a chunk of usage that the app did not ask for."""

_in_flight: ContextVar[Observation | None] = ContextVar("llmtrace_in_flight", default=None)


class Seam:
    """The wrapped client; ``remove`` puts the very functions back that were there."""

    def __init__(self, observer: Observer, *, asks_usage: bool = False, acting: Acting | None = None) -> None:
        self._observer: Observer | None = observer
        self._acting = acting
        self._asks_usage = asks_usage
        self._sockets = SocketSeam(observer)
        self.trouble = ""
        """Why ``install`` answered False."""
        self._take_back: list[Callable[[], None]] = []
        self._originals: list[tuple[type, str, object, object]] = []
        self._inside: list[Any] = []
        """Wrappers of others that have ours inside."""

    def install(self) -> bool:
        """Wrap the client; False, and nothing done, when it does not look as expected."""
        found = _find(MODULE)
        if isinstance(found, str):
            self.trouble = found
            return False
        _servers.clear()  # who is behind a host may be said anew
        self._wrap_clients(found)
        if found_reader := _find_reader():
            reader, streams = found_reader
            for owner in _owners_of(_EVENTS, streams):
                self._wrap(owner, _EVENTS, _read_by(reader))
        self._asks_usage = self._asks_usage and self._hide_usage()
        self._sockets.install()
        self._take_back = [when_imported(other, self._wrap_other) for other in OTHERS]
        return True

    def _wrap_other(self, module: ModuleType) -> None:
        found = _find(module.__name__)
        if isinstance(found, str):
            faults.say_once(f"no-seam: {module.__name__}", "llmtrace: %s; its calls are not traced", found)
        else:
            self._wrap_clients(found)

    def _wrap_clients(self, found: tuple[type, type]) -> None:
        sync_client, async_client = found
        self._wrap(sync_client, _OUTER, self._request)
        self._wrap(async_client, _OUTER, self._request_async)
        self._wrap(sync_client, _INNER, _answered)
        self._wrap(async_client, _INNER, _answered_async)
        self._wrap_inside(sync_client, self._request)
        self._wrap_inside(async_client, self._request_async)
        for owner in _owners_of(_WAIT, found):
            self._wrap(owner, _WAIT, _retried)

    def remove(self) -> None:
        """Put the originals back. Where another library has wrapped ours since, ours stays, and does nothing."""
        self._observer = None
        self._acting = None
        self._sockets.remove()
        for take_back in self._take_back:
            take_back()
        for owner, name, original, wrapper in reversed(self._originals):  # one may stand on top of another
            if owner.__dict__.get(name) is wrapper:
                setattr(owner, name, original)
        self._originals.clear()
        for theirs in self._inside:
            if isinstance(theirs.__wrapped__, wrapt.FunctionWrapper):
                theirs.__wrapped__ = theirs.__wrapped__.__wrapped__
        self._inside.clear()

    def _hide_usage(self) -> bool:
        """Whether a chunk can be hidden from the app; one that cannot is not asked for."""
        streams = _find_streams()
        owners = [(owner, wrapper) for stream, wrapper in streams for owner in _owners_of(_EVENTS, (stream,))]
        for owner, wrapper in owners:
            self._wrap(owner, _EVENTS, wrapper)
        return bool(owners) and len(owners) == len(_STREAMS)

    def _wrap_inside(self, base: type, wrapper: Callable[..., Any]) -> None:
        """Also where another library has wrapped the inherited function as a class's own, which hides the base's."""
        ours = base.__dict__[_OUTER]
        for owner in _heirs(base):
            own = innermost = owner.__dict__.get(_OUTER)
            while isinstance(innermost, wrapt.FunctionWrapper) and isinstance(
                innermost.__wrapped__, wrapt.FunctionWrapper
            ):
                innermost = innermost.__wrapped__
            if own is ours.__wrapped__:
                self._wrap(owner, _OUTER, wrapper)
            elif isinstance(innermost, wrapt.FunctionWrapper) and innermost.__wrapped__ is ours.__wrapped__:
                innermost.__wrapped__ = ours
                self._inside.append(innermost)

    def _wrap(self, owner: type, name: str, wrapper: Callable[..., Any]) -> None:
        original = owner.__dict__[name]
        wrapped = wrapt.FunctionWrapper(original, wrapper)
        setattr(owner, name, wrapped)
        self._originals.append((owner, name, original, wrapped))

    def _request(self, wrapped: Callable[..., Any], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        seen = self._begin(client, args, kwargs)
        acted = self._act(seen, client, args, kwargs)
        if seen is None and acted is None and _in_flight.get() is None:
            return wrapped(*args, **kwargs)
        token = _in_flight.set(seen)
        try:
            if acted is None:
                result = self._go(wrapped, seen, args, kwargs)
            else:
                result = acted.call(partial(self._go, wrapped, seen))
        except BaseException as error:
            _leave(seen, token, error)
            raise
        if seen is not None and (recording := seen.recording) is not None and not recording.tapped:
            recording.end("returned")
        _go_back(seen, token)
        return result

    async def _request_async(
        self, wrapped: Callable[..., Awaitable[Any]], client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        seen = self._begin(client, args, kwargs)
        acted = self._act(seen, client, args, kwargs)
        if seen is None and acted is None and _in_flight.get() is None:
            return await wrapped(*args, **kwargs)
        token = _in_flight.set(seen)
        try:
            if acted is None:
                result = await self._go(wrapped, seen, args, kwargs)
            else:
                result = await acted.call_async(partial(self._go, wrapped, seen))
        except BaseException as error:
            _leave(seen, token, error)
            raise
        if seen is not None and (recording := seen.recording) is not None and not recording.tapped:
            recording.end("returned")
        _go_back(seen, token)
        return result

    def _go(
        self,
        wrapped: Callable[..., Any],
        seen: Observation | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        client: Any = None,
    ) -> Any:
        """Let the client, or another one, send it: what it returns, or an awaitable of that."""
        if client is not None:
            wrapped = _moved(wrapped, seen, args, kwargs, client)
        if self._asks_usage:
            args, kwargs = _asking(seen, args, kwargs)
        return wrapped(*args, **kwargs)

    def _act(
        self, seen: Observation | None, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Acted | None:
        acting = self._acting
        if acting is None:
            return None
        options = kwargs["options"] if "options" in kwargs else args[1]
        acted = acting.begin(client, args, kwargs, _server_of(client, options.url))
        if seen is not None and seen.recording is not None:
            seen.recording.marks = acted.asked.marks if acted is not None else marks_beside()
            if acted is not None and self._asks_usage:  # for a reply in the provider's place it was asked in its time
                _asking(seen, args, kwargs)
        return acted

    def _begin(self, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Observation | None:
        observer = self._observer
        if observer is None:
            return None
        try:
            options = kwargs["options"] if "options" in kwargs else args[1]
            return observer.begin(options.method, options.url, options.json_data, _server_of(client, options.url))
        except Exception as error:  # noqa: BLE001 - the call goes on without us
            faults.report("seam.begin", error)
            return None


def _heirs(base: type) -> Iterator[type]:
    heirs: list[type] = base.__subclasses__()
    for heir in heirs:
        yield heir
        yield from _heirs(heir)


def _find(name: str) -> tuple[type, type] | str:
    """The two base clients, or what is wrong with them."""
    package = name.partition(".")[0]
    try:
        module = import_module(name)
    except ImportError:
        return f"the {package} package is not installed"
    except Exception as error:  # noqa: BLE001 - one that does not fit what is installed beside it
        return f"the {package} package cannot be imported ({type(error).__name__})"
    clients = (getattr(module, _SYNC, None), getattr(module, _ASYNC, None))
    for client in clients:
        if not isinstance(client, type) or not all(callable(client.__dict__.get(n)) for n in (_OUTER, _INNER)):
            return f"{name} does not look as expected"
    return clients  # type: ignore[return-value]  # both were checked to be classes


def _find_reader() -> tuple[Reader, tuple[type, ...]] | None:
    """What a client makes of errors in a stream, and its classes of streams; None when it leaves them as they are."""
    try:
        module = import_module(_STREAMING)
        reader = Reader(
            timeouts=module.timeout_exceptions,
            errors=module.request_exceptions,
            on_timeout=module.APITimeoutError.__qualname__,
            on_error=module.APIConnectionError.__qualname__,
        )
        return reader, tuple(getattr(module, name) for name in _STREAMS)
    except (ImportError, AttributeError):
        return None


def _find_streams() -> list[tuple[type, Callable[..., Any]]]:
    """The client's classes of streams, each with what hides a chunk of it."""
    try:
        module = import_module(_STREAMING)
        return [(getattr(module, name), hide) for name, hide in zip(_STREAMS, (_hiding, _hiding_async), strict=True)]
    except (ImportError, AttributeError):
        return []


def _hiding(wrapped: Callable[..., Any], stream: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    events = wrapped(*args, **kwargs)
    return hidden(events) if _hides_usage(stream) else events


def _hiding_async(wrapped: Callable[..., Any], stream: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    events = wrapped(*args, **kwargs)
    return hidden_async(events) if _hides_usage(stream) else events


def _hides_usage(stream: Any) -> bool:
    try:
        return stream.response in _with_usage
    except Exception as error:  # noqa: BLE001 - the stream goes on without us
        faults.report("seam.hides", error)
        return False


def _asking(
    seen: Observation | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The call with its usage asked for: in options of our own, for these may be the app's."""
    try:
        recording = None if seen is None else seen.recording
        options = kwargs["options"] if "options" in kwargs else args[1]
        if recording is None or "stream_options" in (getattr(options, "extra_json", None) or {}):
            return args, kwargs
        headers = options.headers if isinstance(options.headers, Mapping) else {}
        if headers.get(_RAW_HEADER) == "stream":  # who reads the bytes would see it
            return args, kwargs
        sent = with_usage(recording.wire, options.json_data)
        if sent is None:
            return args, kwargs
        options = copy(options)
        options.json_data = sent
        recording.hides_usage = True
        if "options" in kwargs:
            return args, {**kwargs, "options": options}
        return (args[0], options, *args[2:]), kwargs
    except Exception as error:  # noqa: BLE001 - the call goes on without us
        faults.report("seam.asking", error)
        return args, kwargs


def _moved(
    wrapped: Callable[..., Any], seen: Observation | None, args: tuple[Any, ...], kwargs: dict[str, Any], client: Any
) -> Callable[..., Any]:
    """``wrapped`` as a method of ``client``; the recording is told whose server answers."""
    options = kwargs["options"] if "options" in kwargs else args[1]
    if seen is not None and (recording := seen.recording) is not None:
        server = _server_of(client, options.url)
        recording.moved(server)
        if recording.marks is not None:
            recording.marks |= server_marks(server)
    method: Callable[..., Any] = wrapped.__func__.__get__(client)  # type: ignore[attr-defined]
    return method


def _read_by(reader: Reader) -> Callable[..., Any]:
    def reads(wrapped: Callable[..., Any], stream: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            tapped = stream.response.stream
            while type(tapped) is ListenedStream:
                tapped = tapped.__wrapped__
            if type(tapped) is TappedStream:
                tapped.read_by(reader)
        except Exception as error:  # noqa: BLE001 - the stream goes on without us
            faults.report("seam.reads", error)
        return wrapped(*args, **kwargs)

    return reads


def _answered(wrapped: Callable[..., Any], _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    _note_answer(kwargs)
    note(kwargs)
    return wrapped(*args, **kwargs)


async def _answered_async(
    wrapped: Callable[..., Awaitable[Any]], _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    _note_answer(kwargs)
    note(kwargs)
    return await wrapped(*args, **kwargs)


def _retried(wrapped: Callable[..., Any], _client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    wait_s = wrapped(*args, **kwargs)
    seen = _in_flight.get()
    if seen is not None and seen.recording is not None:
        try:
            seen.recording.retry(failed_attempt(sys.exc_info()[1], wait_s))
        except Exception as error:  # noqa: BLE001 - the call goes on without us
            faults.report("seam.retry", error)
    return wait_s


def _owners_of(name: str, classes: tuple[type, ...]) -> set[type]:
    """The classes that a method is inherited from; none when there is no such method."""
    return {owner for each in classes for owner in each.__mro__[:-1] if callable(owner.__dict__.get(name))}


def _note_answer(kwargs: dict[str, Any]) -> None:
    seen = _in_flight.get()
    if seen is None or seen.recording is None or is_instead():
        return
    try:
        response = kwargs["response"]
        seen.recording.answer = HttpAnswer(response)
        if seen.recording.hides_usage:
            _with_usage.add(response)
        if not response.is_closed:  # still to be read: a stream of any kind
            response.stream = TappedStream(response.stream, Tap(seen.recording))
    except Exception as error:  # noqa: BLE001 - the call goes on without us
        faults.report("seam.answer", error)


def _leave(seen: Observation | None, token: Any, error: BaseException) -> None:
    try:
        if seen is not None and seen.recording is not None:
            _conclude(seen.recording, error)
    except Exception as fault:  # noqa: BLE001 - the call goes on without us
        faults.report("seam.end", fault)
    finally:
        # A coroutine is closed wherever its owner, or the collector of garbage, happens to be: what is current there
        # may be somebody else's.
        if not isinstance(error, GeneratorExit) or _is_current(seen):
            _go_back(seen, token)


def _is_current(seen: Observation | None) -> bool:
    return _in_flight.get() is seen and (seen is None or seen.is_current())


def _go_back(seen: Observation | None, token: Any) -> None:
    go_back(token)
    if seen is not None:
        seen.leave()


def _conclude(recording: Recording, error: BaseException) -> None:
    try:
        _note_request(recording, error)
    finally:
        recording.end("returned", failure_of(error), attribute_of(error, "body"))


def _note_request(recording: Recording, error: BaseException) -> None:
    if recording.answer is not None:
        return
    response, request = attribute_of(error, "response"), attribute_of(error, "request")
    if response is not None:
        recording.answer = HttpAnswer(response)
    elif request is not None:
        recording.answer = HttpAnswer.to_nobody(request)


# Asking a URL for its parts costs more than finding it here by identity; a client may be given another URL later.
_servers: dict[int, tuple[object, Server]] = {}


def _server_of(client: Any, path: str) -> Server:
    if "://" in path:  # the app named another server for this one call
        other = urlsplit(path)
        return server_at(other.scheme, other.hostname or "", other.port, client_kind(type(client)))
    url = client.base_url
    known = _servers.get(id(url))
    if known is not None and known[0] is url:
        return known[1]
    server = server_at(url.scheme, url.host, url.port, client_kind(type(client)))
    if len(_servers) >= 256:
        _servers.clear()
    _servers[id(url)] = (url, server)
    return server
