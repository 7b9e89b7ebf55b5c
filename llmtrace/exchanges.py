"""The worker's side of a socket: which message belongs to which response, and when a response is over.

    response.create ──▶ asked (FIFO per lane) ──response.created──▶ open ──a terminal event──▶ told, once
                            └── an error that is its own ──▶ told            └── the socket's end ──▶ told

The responses API runs one response at a time in each lane (``stream_id``) and numbers them by nothing but their order;
the Realtime API names the response in each event. A response that nobody asked for, begun by the server when somebody
stopped speaking, opens with ``response.created``.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from llmtrace.answers import MAX_KEPT_BYTES
from llmtrace.outcomes import End, Outcome
from llmtrace.reading.encodings import Decoded
from llmtrace.reading.events import Chunk
from llmtrace.reading.json_values import Json, mapping, text
from llmtrace.reading.realtime import read_message, responses_event, responses_request
from llmtrace.reading.streamed import TERMINAL_RESPONSES

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from llmtrace.calls import Failure, Identity, Operation, Server
    from llmtrace.observer import Observer

MAX_EVENTS: Final = 8192
"""So many events are kept of one response; its last event has all of it again."""
MAX_ASKED: Final = 1024
"""So many requests may wait for their response."""
_REMEMBERED: Final = 64

# Codes of errors about what was put in, not about a response that was asked for at the same time.
_OF_INPUT: Final = ("input_", "item_", "session_", "conversation_item")


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a response was asked for: what it hangs under, and for whom it is."""

    context: Context
    identity: Identity


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """What a socket is."""

    operation: Operation
    server: Server
    model: str | None
    """As the URL of the connection names it."""
    origin: Origin
    """Of the connection."""


@dataclass(kw_only=True, slots=True)
class _Open:
    """A response that is not over."""

    start_ns: int
    request: Json
    origin: Origin
    event_id: str | None = None
    lane: str | None = None
    id: str | None = None
    chunks: list[Chunk] = field(default_factory=list)
    kept_bytes: int = 0
    kept_whole: bool = True


class Exchanges:
    """The responses of one connection; only the worker calls."""

    def __init__(self, line: Line, observer: Observer) -> None:
        self._line = line
        self._observer = observer
        self._model = line.model
        self._session: Json = {}
        self._asked: deque[_Open] = deque()
        self._open: dict[str, _Open] = {}
        self._ended: deque[str] = deque(maxlen=_REMEMBERED)

    def sent(self, at_ns: int, data: bytes | str, origin: Origin) -> None:
        """The app sent a message that may ask for a response."""
        event = read_message(data)
        if event.get("type") != "response.create" or len(self._asked) >= MAX_ASKED:
            return
        asked = _Open(
            start_ns=at_ns,
            request=responses_request(event, self._session, self._model),
            origin=origin,
            event_id=text(event.get("event_id")),
            lane=text(event.get("stream_id")),
        )
        self._asked.append(asked)

    def received(self, at_ns: int, data: bytes | str) -> None:
        """The server sent a message."""
        event = responses_event(read_message(data), self._model)
        kind = text(event.get("type")) or ""
        if kind.startswith("session."):
            self._note_session(kind, mapping(event.get("session")))
        elif kind == "error":
            self._failed(at_ns, event)
        elif kind.startswith("response."):
            self._part(at_ns, kind, event)

    def lost(self) -> None:
        """Messages came faster than they could be read."""
        for response in self._all():
            response.kept_whole = False

    def end(self, at_ns: int, end: End, failure: Failure | None) -> None:
        """The connection is over, and with it every response that is not."""
        for response in self._all():
            self._tell(response, at_ns, end, failure)
        self._asked.clear()
        self._open.clear()

    def _all(self) -> list[_Open]:
        return [*self._open.values(), *self._asked]

    def _note_session(self, kind: str, session: Json) -> None:
        self._model = text(session.get("model")) or self._model
        if kind == "session.updated":  # what the app set; until then it is the server's own
            self._session = {key: session.get(key) for key in ("instructions", "tools")}

    def _part(self, at_ns: int, kind: str, event: Json) -> None:
        lane = text(event.get("stream_id"))
        id_ = text(mapping(event.get("response")).get("id")) or text(event.get("response_id"))
        response = self._find(id_, lane)
        if response is None and id_ not in self._ended and (kind == "response.created" or kind in TERMINAL_RESPONSES):
            response = self._begun(at_ns, id_, lane)
        if response is None:
            return
        self._keep(response, at_ns, event, must=kind in TERMINAL_RESPONSES)
        if kind in TERMINAL_RESPONSES:
            self._over(response, at_ns)

    def _find(self, id_: str | None, lane: str | None) -> _Open | None:
        if id_ is not None:
            return self._open.get(id_)
        # The events of the responses API name none: it is the one that runs in their lane.
        return next((known for known in self._open.values() if known.lane == lane), None)

    def _begun(self, at_ns: int, id_: str | None, lane: str | None) -> _Open:
        asked = next((entry for entry in self._asked if entry.lane == lane), None)
        if asked is None:
            request = responses_request({}, self._session, self._model)
            asked = _Open(start_ns=at_ns, request=request, origin=self._line.origin, lane=lane)
        else:
            self._asked.remove(asked)
        asked.id = id_ or f"unnamed-{at_ns}"
        self._open[asked.id] = asked
        return asked

    def _failed(self, at_ns: int, event: Json) -> None:
        response = self._meant(event)
        if response is not None:
            self._keep(response, at_ns, event, must=True)
            self._over(response, at_ns)

    def _meant(self, event: Json) -> _Open | None:
        error = mapping(event.get("error")) or event
        lane = text(event.get("stream_id"))
        if named := text(error.get("event_id")):
            return next((known for known in self._all() if known.event_id == named), None)
        if (text(error.get("code")) or "").startswith(_OF_INPUT):
            return None
        asked = next((known for known in self._asked if known.lane == lane), None)
        # A realtime session outlives its errors, and a response that runs there still ends with `response.done`.
        return asked or (self._find(None, lane) if self._line.operation.api_type == "responses" else None)

    def _keep(self, response: _Open, at_ns: int, event: Json, *, must: bool) -> None:
        data = b"data: " + json.dumps(event).encode() + b"\n\n"
        full = len(response.chunks) >= MAX_EVENTS or response.kept_bytes + len(data) > MAX_KEPT_BYTES
        if full and not must:
            response.kept_whole = False
            return
        response.kept_bytes += len(data)
        response.chunks.append((at_ns, data))

    def _over(self, response: _Open, at_ns: int) -> None:
        if response.id is None:
            self._asked.remove(response)
        else:
            del self._open[response.id]
            self._ended.append(response.id)
        self._tell(response, at_ns, "exhausted", None)

    def _tell(self, response: _Open, at_ns: int, end: End, failure: Failure | None) -> None:
        line = self._line
        model = text(response.request.get("model")) or self._model
        recording = self._observer.record(
            line.operation, line.server, model, response.origin, start_ns=response.start_ns
        )
        if recording is None:
            return
        recording.answer = _Told(response.request)
        recording.chunks = response.chunks
        recording.kept_whole = response.kept_whole
        recording.tell(Outcome(end=end, end_ns=at_ns, failure=failure))


class _Told:
    """A response over a socket as the answer to the same request over HTTP, streamed."""

    def __init__(self, request: Json) -> None:
        self._request = request

    def request_body(self) -> bytes:
        """What was asked."""
        return json.dumps(self._request).encode()

    def request_form(self) -> list[tuple[str, str]]:
        """Nothing: no form is sent over a socket."""
        return []

    def request_path(self) -> str:
        """None: there is one for the connection."""
        return ""

    def body(self) -> None:
        """Nothing: it is a stream."""

    def decoded(self, chunks: list[Chunk]) -> Decoded:
        """The chunks: nothing encodes them."""
        return Decoded(chunks, whole=True)

    def headers(self) -> dict[str, str]:
        """None: those of the handshake are the connection's."""
        return {}

    def size_bytes(self) -> int:
        """What the request takes is not counted: it is held by the socket already."""
        return 0

    def is_event_stream(self) -> bool:
        """It is."""
        return True
