"""``FakeProvider``: a server on the loopback that speaks the OpenAI API over JSON and server-sent events.

For tests without network and for ``llmtrace demo``. It is a real HTTP server, so clients, retries, timeouts and
broken connections behave as they do outside.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from llmtrace.testing import replies
from llmtrace.testing.replies import FakeReply, Json

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

Planner = Callable[[Json], FakeReply]
Answer = Json | bytes | list[Any]
"""A JSON object, the bytes of a file, or the events of a stream."""

_BODIES: Final[dict[str, Callable[[Json, FakeReply], Json]]] = {
    "/v1/chat/completions": replies.chat_body,
    "/v1/responses": replies.responses_body,
    "/v1/completions": replies.completions_body,
    "/v1/embeddings": replies.embeddings_body,
}
_STREAMS: Final[dict[str, Callable[[Json, FakeReply], Iterator[str]]]] = {
    "/v1/chat/completions": replies.chat_events,
    "/v1/responses": replies.responses_events,
    "/v1/completions": replies.completions_events,
}


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: Json


class FakeProvider:
    """A local provider; a context manager.

    ```python
    with FakeProvider(latency_s=0.2, error_rate=0.05, rng=random.Random(7)) as provider:
        client = openai.OpenAI(base_url=provider.base_url, api_key="any")
    ```

    Args:
        plan: What to answer to a request body. Default: counts that follow the length of the request.
        latency_s: Seconds before an unstreamed answer.
        time_to_first_token_s: Seconds before the first event of a stream.
        chunk_interval_s: Seconds between the events of a stream.
        error_rate: Share of requests answered with an error, half of them 429 and half 500.
        rng: Source of randomness for errors; pass a seeded one for a repeatable run.
        sleep: What to do for so many seconds; ``FrozenClock.advance`` lets no time pass but that of spans.
    """

    def __init__(
        self,
        plan: Planner = replies.default_reply,
        *,
        latency_s: float = 0.0,
        time_to_first_token_s: float = 0.0,
        chunk_interval_s: float = 0.0,
        error_rate: float = 0.0,
        rng: random.Random | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.plan = plan
        self.latency_s = latency_s
        self.time_to_first_token_s = time_to_first_token_s
        self.chunk_interval_s = chunk_interval_s
        self.error_rate = error_rate
        self.requests: list[SeenRequest] = []
        """Every request so far, in order of arrival."""
        self.break_streams_after: int | None = None
        """Cut the connection of each stream after so many events; None lets them end."""
        self.sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - no secret
        self._rng_lock = threading.Lock()  # protects _rng: handlers run in threads
        self._failures: deque[int] = deque()
        self._script: dict[tuple[str, str], deque[Answer]] = {}
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """What a client takes as ``base_url``."""
        if self._server is None:
            raise RuntimeError("FakeProvider is not running; use it in a `with` block, or call start()")
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/v1"

    def start(self) -> Self:
        """Listen on a free port of the loopback."""
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="fake-provider", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None

    def script(self, method: str, path: str, *answers: Answer) -> None:
        """Answer a path with these, in order, the last one from then on: ``script("GET", "/batches/batch_1", {...})``.

        Args:
            method: ``GET``, ``POST`` or ``DELETE``.
            path: The path after ``/v1``, without a query.
            answers: Each a JSON object, the bytes of a file, or a list of what comes as server-sent events: JSON
                objects, whose ``type`` is the event's name, and ``"[DONE]"``.
        """
        self._script[method.upper(), f"/v1{path}"] = deque(answers)

    def scripted(self, method: str, path: str) -> Answer | None:
        """The next answer that was laid out for a path, or None."""
        answers = self._script.get((method, path))
        if not answers:
            return None
        return answers.popleft() if len(answers) > 1 else answers[0]

    def reset(self) -> None:
        """Forget requests, scripts, plan and breaks: as new."""
        self.plan = replies.default_reply
        self.break_streams_after = None
        self.requests.clear()
        self._script.clear()

    def fail_next(self, *statuses: int) -> None:
        """Answer the next requests with these HTTP statuses, one each."""
        self._failures.extend(statuses)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def next_failure(self) -> int | None:
        """Status the request at hand is to fail with, or None."""
        if self._failures:
            return self._failures.popleft()
        with self._rng_lock:
            if self._rng.random() < self.error_rate:
                return self._rng.choice((429, 500))
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, provider: FakeProvider) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.provider = provider

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        provider = self.server.provider
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        if (answer := provider.scripted("POST", path)) is not None:
            provider.requests.append(SeenRequest(path, dict(self.headers.items()), _json_or_nothing(raw)))
            self._send(answer)
            return
        if path not in _BODIES:
            self._send_json(404, replies.error_body(404))
            return
        try:
            body = json.loads(raw)
        except ValueError:
            self._send_json(400, replies.error_body(400))
            return
        provider.requests.append(SeenRequest(path, dict(self.headers.items()), body))
        if (failure := provider.next_failure()) is not None:
            self._send_json(failure, replies.error_body(failure))
            return
        reply = provider.plan(body)
        if body.get("stream") and path in _STREAMS:
            self._send_events(_STREAMS[path](body, reply))
        else:
            provider.sleep(provider.latency_s)
            self._send_json(200, _BODIES[path](body, reply))

    def do_GET(self) -> None:
        answer = self.server.provider.scripted(self.command, self.path.partition("?")[0])
        if answer is None:
            self._send_json(404, replies.error_body(404))
        else:
            self._send(answer)

    do_DELETE = do_GET  # noqa: N815 - the name http.server calls

    def _send(self, answer: Answer) -> None:
        if isinstance(answer, list):
            self._send_events(replies.scripted_events(answer))
        elif isinstance(answer, bytes):
            self._send_payload(200, "application/octet-stream", answer)
        else:
            self._send_json(200, answer)

    def _head(self, status: int, content_type: str) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("x-request-id", f"req_{uuid4().hex}")
        self.send_header("openai-processing-ms", str(round(self.server.provider.latency_s * 1000)))
        self.send_header("openai-version", "2020-10-01")
        if status == 429:
            self.send_header("retry-after-ms", "20")

    def _send_json(self, status: int, body: Json) -> None:
        self._send_payload(status, "application/json", json.dumps(body).encode())

    def _send_payload(self, status: int, content_type: str, payload: bytes) -> None:
        self._head(status, content_type)
        self.send_header("content-length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _send_events(self, events: Iterator[str]) -> None:
        provider = self.server.provider
        self._head(200, "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        provider.sleep(provider.time_to_first_token_s)
        for number, event in enumerate(events):
            if number == provider.break_streams_after:
                self.close_connection = True  # without the last chunk: the client sees a broken transport
                return
            if number:
                provider.sleep(provider.chunk_interval_s)
            self._write_chunk(event.encode())
        self._write_chunk(b"")

    def _write_chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server calls
        """Say nothing: the caller's terminal is not ours."""


def _json_or_nothing(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
