"""Runs the chain of `llmtrace.chain` around a call of the client; beside the seam the one that knows private names.

An answer in place of the provider's is the HTTP response it would have sent, given to the client's own
``_process_response``: so every form of a call returns what it always returns. A call that is no request for an answer
in words, or that cannot be read, goes by untouched.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from dataclasses import replace
from functools import cache, partial
from hashlib import blake2b
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import wrapt

from llmtrace import faults, semconv
from llmtrace.beside import Beside, is_async, marks_beside
from llmtrace.chain import Asked, ChainRefusal, Proceed, Reply, WaitingFilter, is_whole, run, run_async
from llmtrace.identity import current_identity
from llmtrace.operations import operation_of

if TYPE_CHECKING:
    from llmtrace.calls import Server
    from llmtrace.chain import StreamFilter

    _Proxy = wrapt.ObjectProxy[Any]
else:
    _Proxy = wrapt.ObjectProxy

WIRES: Final = frozenset({"chat", "responses", "completions", "embeddings"})
"""Formats of bodies that steps can read."""

_RAW_HEADER: Final = "x-stainless-raw-response"
_KEPT_HEADERS: Final = ("content-type", "x-request-id", "openai-processing-ms", "openai-version", "openai-model")
_PACKED: Final = ("content-encoding", "content-length")
_LONGEST_BODY: Final = 4 * 1024 * 1024
"""Bytes of a stream that are kept for listeners."""

_sending: ContextVar[_Sent | None] = ContextVar("llmtrace_sending", default=None)
_instead: ContextVar[bool] = ContextVar("llmtrace_instead", default=False)
"""Whether the client is given a reply in the place of one the provider has made."""

Go = Callable[[tuple[Any, ...], dict[str, Any], Any], Any]
"""Sends a call with these arguments through this client, None for its own: what that makes of the answer, or an
awaitable of it."""


class Acting:
    """The chain in force."""

    def __init__(self, chain: Proceed) -> None:
        self._chain = chain
        self._beside = Beside()

    def begin(self, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any], server: Server) -> Acted | None:
        """A call for the chain; None when it is not for it."""
        if marks_beside() is not None:
            return None
        try:
            asked = _asked(client, args, kwargs, server)
            if asked is not None:
                options = kwargs["options"] if "options" in kwargs else args[1]
                asked = replace(asked, beside=partial(self._beside.start, client, options))
        except Exception as error:  # noqa: BLE001 - the call goes on without the chain
            faults.report("acting.begin", error)
            return None
        return None if asked is None else Acted(self._chain, asked, client, args, kwargs)


class Acted:
    """One call with the chain around it."""

    def __init__(
        self, chain: Proceed, asked: Asked, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._chain = chain
        self.asked = asked
        self._client = client
        self._args = args
        self._kwargs = kwargs
        self._sends = 0
        self._is_moved = False

    def call(self, go: Go) -> Any:
        """What the app gets.

        Raises:
            ChainRefusal: a step refuses the call.
        """
        reply = run(self._chain, self.asked, lambda asked: self._send(asked, go))
        if reply.result is not None:
            return reply.result
        options = self._client._prepare_options(copy(self._options))  # noqa: SLF001
        with self._instead(reply):
            return self._client._process_response(**self._answer(options, reply))  # noqa: SLF001

    async def call_async(self, go: Go) -> Any:
        """The same for a client that does not block."""

        async def send(asked: Asked) -> Reply:
            return await self._send_async(asked, go)

        reply = await run_async(self._chain, self.asked, send)
        if reply.result is not None:
            return reply.result
        options = await self._client._prepare_options(copy(self._options))  # noqa: SLF001
        with self._instead(reply):
            return await self._client._process_response(**self._answer(options, reply, waits=True))  # noqa: SLF001

    @contextmanager
    def _instead(self, reply: Reply) -> Iterator[None]:
        """While the client makes something of a reply of ours: the span has the provider's, where there was one."""
        if not self._sends:
            self.asked.marks[semconv.REPLY_ORIGIN] = reply.origin.value
        token = _instead.set(self._sends > 0)
        try:
            yield
        finally:
            _instead.reset(token)

    @property
    def _options(self) -> Any:
        return self._kwargs["options"] if "options" in self._kwargs else self._args[1]

    def _send(self, asked: Asked, go: Go) -> Reply:
        sent = self._sent(asked)
        token = _sending.set(sent)
        try:
            result = go(*self._changed(asked), self._through(asked))
        finally:
            _sending.reset(token)
        return sent.reply(result)

    async def _send_async(self, asked: Asked, go: Callable[..., Awaitable[Any]]) -> Reply:
        sent = self._sent(asked)
        token = _sending.set(sent)
        try:
            result = await go(*self._changed(asked), self._through(asked))
        finally:
            _sending.reset(token)
        return sent.reply(result)

    def _sent(self, asked: Asked) -> _Sent:
        self._sends += 1
        return _Sent(asked)

    def _through(self, asked: Asked) -> Any:
        """The client that sends it, None for its own; which is named once another one has had it."""
        if asked.client is None:
            return self._client if self._is_moved else None
        self._is_moved = True
        return asked.client

    def _changed(self, asked: Asked) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the call; with a body that steps have changed in options of our own."""
        if asked.body is self.asked.body and asked.max_retries is None and asked.client is None:
            return self._args, self._kwargs
        options = copy(self._options)
        options.json_data = dict(asked.body)
        options.extra_json = None
        if asked.max_retries is not None:
            options.max_retries = asked.max_retries
        if "options" in self._kwargs:
            return self._args, {**self._kwargs, "options": options}
        return (self._args[0], options, *self._args[2:]), self._kwargs

    def _answer(self, options: Any, reply: Reply, *, waits: bool = False) -> dict[str, Any]:
        """The arguments of ``_process_response``: the answer as the provider would have sent it."""
        client = self._client
        request = client._build_request(options)  # noqa: SLF001
        library = import_module(type(request).__module__.partition(".")[0])
        headers = {"content-type": "application/json"} | dict(reply.headers)
        body: dict[str, Any] = {"content": reply.body}
        if reply.stream:
            headers["content-type"] = "text/event-stream; charset=utf-8"
            body = {"stream": _events_class(library, waits=waits)(reply.body)}
        response = library.Response(reply.status, headers=headers, request=request, **body)
        cast_to = self._kwargs["cast_to"] if "cast_to" in self._kwargs else self._args[0]
        return {
            "cast_to": client._maybe_override_cast_to(cast_to, options),  # noqa: SLF001
            "options": options,
            "response": response,
            "stream": self.asked.stream,
            "stream_cls": self._kwargs.get("stream_cls"),
        }


class _Sent:
    """What came of a call that was sent on: filled by ``note``."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._body: bytes | None = None
        self._headers: Mapping[str, str] = {}
        self._status = 200

    def note(self, response: Any) -> None:
        """The provider's answer, before the client reads it."""
        self._status = response.status_code
        self._headers = {name: value for name in _KEPT_HEADERS if (value := response.headers.get(name))}
        if response.is_closed:
            self._body = response.content
            return
        encoded = response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")
        if encoded and self._asked.filters:
            # Nobody may decide over bytes it cannot read, and a stream must not pass unseen for that.
            response.stream = UnpackedStream(response.stream, response._get_content_decoder())  # noqa: SLF001
            response.headers = type(response.headers)(
                [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _PACKED]
            )
            del response._decoder  # noqa: SLF001
            encoded = False
        if (self._asked.filters or self._asked.listeners) and not encoded:
            response.stream = ListenedStream(response.stream, self._asked, self._headers)

    def reply(self, result: Any) -> Reply:
        return Reply(
            body=self._body or b"",
            stream=self._body is None,
            status=self._status,
            headers=self._headers,
            sent_model=self._asked.model,
            result=result,
        )


def note(kwargs: Mapping[str, Any]) -> None:
    """The arguments of ``_process_response``, on the way of a call that a chain sent."""
    sent = _sending.get()
    if sent is None:
        return
    try:
        sent.note(kwargs["response"])
    except Exception as error:  # noqa: BLE001 - the call goes on without the chain
        faults.report("acting.note", error)


def is_instead() -> bool:
    """Whether what the client processes now stands for an answer that was noted before."""
    return _instead.get()


class UnpackedStream(_Proxy):
    """The byte stream of an answer that came compressed, as it was before, by the decoder the client would use."""

    def __init__(self, stream: Any, decoder: Any) -> None:
        super().__init__(stream)
        self._self_decoder = decoder

    def __iter__(self) -> Iterator[bytes]:
        for data in self.__wrapped__:
            if plain := _joined(self._self_decoder.decode(data)):
                yield plain
        if left := _joined(self._self_decoder.flush()):
            yield left

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self.__wrapped__:
            if plain := _joined(self._self_decoder.decode(data)):
                yield plain
        if left := _joined(self._self_decoder.flush()):
            yield left


class ListenedStream(_Proxy):
    """The byte stream of an answer: passed through the call's filters, and told whole to its listeners."""

    def __init__(self, stream: Any, asked: Asked, headers: Mapping[str, str]) -> None:
        super().__init__(stream)
        self._self_asked = asked
        self._self_headers = headers
        self._self_kept: list[bytes] = []
        self._self_room = _LONGEST_BODY
        self._self_begun = False
        self._self_told = False

    def __iter__(self) -> Iterator[bytes]:
        if not self._begin():
            yield from self.__wrapped__
            return
        try:
            for data in self.__wrapped__:
                if passed := self._passed(data):
                    yield passed
            if left := self._left():
                yield left
        except ChainRefusal:  # clients before 3 leave open what they were refused
            self.close()
            raise
        finally:  # a client stops reading at the last event
            self._tell()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if not self._begin():
            async for data in self.__wrapped__:
                yield data
            return
        try:
            async for data in self.__wrapped__:
                if passed := await self._passed_async(data):
                    yield passed
            if left := await self._left_async():
                yield left
        except ChainRefusal:
            await self.aclose()
            raise
        finally:  # a client stops reading at the last event
            self._tell()

    def close(self) -> None:
        """Close the stream; it may have come to its end."""
        try:
            self.__wrapped__.close()
        finally:
            self._tell()

    async def aclose(self) -> None:
        """Close the stream; it may have come to its end."""
        try:
            await self.__wrapped__.aclose()
        finally:
            self._tell()

    def _begin(self) -> bool:
        """True for the first reader; the client may drain what is left through a second one."""
        first, self._self_begun = not self._self_begun, True
        return first

    def _passed(self, data: bytes) -> bytes:
        for each in self._self_asked.filters:
            data = each.feed(data)
        self._keep(data)
        return data

    def _left(self) -> bytes:
        filters: tuple[StreamFilter, ...] = self._self_asked.filters
        left = b""
        for each in filters:
            left = (each.feed(left) if left else b"") + each.finish()
        self._keep(left)
        return left

    async def _passed_async(self, data: bytes) -> bytes:
        for each in self._self_asked.filters:
            data = await _fed(each, data)
        self._keep(data)
        return data

    async def _left_async(self) -> bytes:
        left = b""
        for each in self._self_asked.filters:
            left = (await _fed(each, left) if left else b"") + await _finished(each)
        self._keep(left)
        return left

    def _keep(self, data: bytes) -> None:
        self._self_room -= len(data)
        if self._self_room >= 0:
            self._self_kept.append(data)

    def _tell(self) -> None:
        """Tell the listeners, once, if all of it has come."""
        body = b"".join(self._self_kept)
        if self._self_told or self._self_room < 0 or not is_whole(self._self_asked.operation.wire, body):
            return
        self._self_told = True
        reply = Reply(body=body, stream=True, headers=self._self_headers)
        for listener in self._self_asked.listeners:
            try:
                listener(reply)
            except Exception as error:  # noqa: BLE001 - the app has its answer
                faults.report("acting.listener", error)


def _joined(decoded: Any) -> bytes:
    """What a decoder gave: bytes with httpx, pieces of them with httpx2."""
    return decoded if isinstance(decoded, bytes) else b"".join(decoded)


async def _fed(each: StreamFilter, data: bytes) -> bytes:
    return await each.feed_async(data) if isinstance(each, WaitingFilter) else each.feed(data)


async def _finished(each: StreamFilter) -> bytes:
    return await each.finish_async() if isinstance(each, WaitingFilter) else each.finish()


def _asked(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any], server: Server) -> Asked | None:
    options = kwargs["options"] if "options" in kwargs else args[1]
    operation = operation_of(options.method, options.url)
    body = options.json_data
    if options.method.lower() != "post" or operation.wire not in WIRES or not isinstance(body, Mapping):
        return None
    if extra := getattr(options, "extra_json", None):
        body = {**body, **extra}
    headers = options.headers if isinstance(options.headers, Mapping) else {}
    raw = next((str(value) for name, value in headers.items() if name.lower() == _RAW_HEADER), "")
    return Asked(
        operation=operation,
        server=server,
        path=options.url,
        body=body,
        stream=bool(kwargs.get("stream")),
        raw=raw == "stream",
        account=_account(client, options, headers),
        identity=current_identity(),
        is_async=is_async(client),
    )


def _account(client: Any, options: Any, headers: Mapping[str, Any]) -> str:
    parts = [str(client.base_url), *(str(getattr(client, name, "")) for name in ("api_key", "organization", "project"))]
    told = (headers, getattr(options, "params", None), getattr(client, "_custom_headers", None))
    own = [sorted((str(name).lower(), str(value)) for name, value in _own(each)) for each in told]
    return blake2b(repr((parts, own)).encode(), digest_size=16).hexdigest()


def _own(headers: Any) -> Iterator[tuple[object, object]]:
    """Headers of the app: the client's own say in which form the app reads the answer."""
    return ((name, value) for name, value in (headers or {}).items() if not str(name).lower().startswith("x-stainless"))


@cache
def _events_class(library: Any, *, waits: bool) -> type:
    """A byte stream of server-sent events, an event a piece, for the HTTP library of the client."""

    class Events:
        def __init__(self, body: bytes) -> None:
            self._events = [event + b"\n\n" for event in body.replace(b"\r\n", b"\n").split(b"\n\n") if event.strip()]

    class SyncEvents(Events, library.SyncByteStream):  # type: ignore[misc]
        def __iter__(self) -> Iterator[bytes]:
            yield from self._events

    class AsyncEvents(Events, library.AsyncByteStream):  # type: ignore[misc]
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for event in self._events:
                yield event

    return AsyncEvents if waits else SyncEvents
