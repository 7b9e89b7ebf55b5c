"""Calls made beside the app's own, such as a router's shadow traffic: off the caller's path, few at a time.

Each is a call of the same client with a span of its own, a child of the call it stands beside; no chain acts on it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextvars import ContextVar, copy_context
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from llmtrace import faults, semconv
from llmtrace.chain import Asked, Reply

if TYPE_CHECKING:
    from llmtrace.calls import Server
    from llmtrace.chain import Marks
    from llmtrace.chain.exchange import Told

MAX_UNDER_WAY: Final = 8
"""More are not begun: a slow model must not fill the process."""
TIMEOUT_S: Final = 60.0
"""For each, whatever the client has."""

_marks: ContextVar[Marks | None] = ContextVar("llmtrace_beside", default=None)


def marks_beside() -> Marks | None:
    """What the span of the call at hand is to say when it is made beside another; None for a call of the app."""
    return _marks.get()


def is_async(client: object) -> bool:
    """Whether a client of the provider does not block."""
    return hasattr(type(client), "__aenter__")


def server_marks(server: Server) -> Marks:
    """Who answers, where that is another than the client that was called says."""
    marks: Marks = {semconv.PROVIDER_NAME: server.provider, semconv.SERVER_ADDRESS: server.address}
    return marks if server.port is None else {**marks, semconv.SERVER_PORT: server.port}


class Beside:
    """Those under way, at most ``MAX_UNDER_WAY``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects _under_way
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()  # a loop itself holds tasks weakly

    def start(self, client: Any, options: Any, asked: Asked, marks: Marks, told: Told) -> bool:
        """Begin one; False when too many are under way. ``told`` gets what came of it, and may take its time."""
        with self._lock:
            if self._under_way >= MAX_UNDER_WAY:
                return False
            self._under_way += 1
        try:
            self._begin(asked.client or client, _options(options, asked), marks, told)
        except BaseException:
            self._done()
            raise
        return True

    def _begin(self, client: Any, options: Any, marks: Marks, told: Told) -> None:
        context = copy_context()
        context.run(_marks.set, marks)
        if is_async(client):
            task = asyncio.get_running_loop().create_task(self._send_async(client, options, told), context=context)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        work = threading.Thread(
            target=context.run, args=(self._send, client, options, told), name="llmtrace-beside", daemon=True
        )
        work.start()

    def _send(self, client: Any, options: Any, told: Told) -> None:
        try:
            try:
                came: Reply | Exception = _reply(client.request(object, options))
            except Exception as error:  # noqa: BLE001 - it is told
                came = error
            _tell(told, came)
        finally:
            self._done()

    async def _send_async(self, client: Any, options: Any, told: Told) -> None:
        try:
            try:
                came: Reply | Exception = _reply(await client.request(object, options))
            except Exception as error:  # noqa: BLE001 - it is told
                came = error
            await asyncio.to_thread(_tell, told, came)
        finally:
            self._done()

    def _done(self) -> None:
        with self._lock:
            self._under_way -= 1


def _tell(told: Told, came: Reply | Exception) -> None:
    try:
        told(came)
    except Exception as error:  # noqa: BLE001 - nobody waits for it
        faults.counts["beside"] += 1
        faults.say_once("beside", "llmtrace: what was to be told of a call beside another failed (%s)", type(error))


def _reply(result: object) -> Reply:
    """The reply as plain data: asked for as an object, the client gives the decoded body."""
    made = Reply(result=result)
    if isinstance(result, dict):
        made.__dict__["json"] = result  # what `json` would make of the body
    return made


def _options(options: Any, asked: Asked) -> Any:
    """Options of our own: an answer in one piece, parsed by nobody, asked for once."""
    options = copy(options)
    body = {name: value for name, value in asked.body.items() if name not in {"stream", "stream_options"}}
    options.json_data = body
    options.extra_json = None
    options.max_retries = 0
    options.timeout = TIMEOUT_S
    options.post_parser = lambda reply: reply
    headers = options.headers if isinstance(options.headers, Mapping) else {}
    options.headers = {name: value for name, value in headers.items() if not name.lower().startswith("x-stainless")}
    return options
