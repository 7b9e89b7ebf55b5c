"""The calls that are measured: real clients over a mock transport, with answers of the size production sees."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

HEADERS: Final = {
    "x-request-id": "req_0123456789abcdef",
    "openai-processing-ms": "412",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-tokens": "1999000",
}
MESSAGES: Final[Any] = [
    {"role": "system", "content": "You are a helpful assistant. " * 20},
    {"role": "user", "content": "Summarise the text below in three sentences. " * 40},
]
_TEXT: Final = "A short summary. " * 40
_MODEL: Final = "gpt-4o-2024-08-06"
_CHAT_USAGE: Final = {"prompt_tokens": 600, "completion_tokens": 150, "total_tokens": 750}


@dataclass(frozen=True)
class Case:
    """One kind of call: ``clean`` and ``seen`` do the same through two copies of the client."""

    name: str
    calls: int
    """In one block."""
    clean: Callable[[], object]
    seen: Callable[[], object]


class Transport:
    """Answers by path, at once or after a wait, for one copy of the client and its HTTP library."""

    def __init__(self, httpx: Any, wait_s: float) -> None:
        self._httpx = httpx
        self._wait_s = wait_s
        self._whole = {
            "/v1/chat/completions": _chat(),
            "/v1/responses": _responses(),
            "/v1/embeddings": _embeddings(),
        }
        self._streams = {"20": _events(20), "200": _events(200)}

    def sync(self) -> Any:
        """For a sync client."""

        def respond(request: Any) -> Any:
            if self._wait_s:
                time.sleep(self._wait_s)
            return self._answer(request)

        return self._httpx.MockTransport(respond)

    def asynchronous(self) -> Any:
        """For an async client."""

        async def respond(request: Any) -> Any:
            if self._wait_s:
                await asyncio.sleep(self._wait_s)
            return self._answer(request)

        return self._httpx.MockTransport(respond)

    def _answer(self, request: Any) -> Any:
        chunks = request.headers.get("x-chunks")
        if chunks:
            headers = {**HEADERS, "content-type": "text/event-stream"}
            return self._httpx.Response(200, headers=headers, stream=_body(self._httpx)(self._streams[chunks]))
        headers = {**HEADERS, "content-type": "application/json"}
        return self._httpx.Response(200, headers=headers, content=self._whole[request.url.path])


def _body(httpx: Any) -> Any:
    class Events(httpx.SyncByteStream, httpx.AsyncByteStream):  # type: ignore[misc,name-defined]
        """A body that comes event by event."""

        def __init__(self, pieces: list[bytes]) -> None:
            self._pieces = pieces

        def __iter__(self) -> Iterator[bytes]:
            yield from self._pieces

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in self._pieces:
                yield piece

    return Events


def cases(clean: Any, seen: Any, httpx: Any, *, wait_s: float, scale: float) -> list[Case]:
    """Every case, through the two copies of the client's package."""
    transport = Transport(httpx, wait_s)
    ours, theirs = _Calls(seen, httpx, transport), _Calls(clean, httpx, transport)
    table = (
        ("chat", 40, "chat"),
        ("chat, async", 40, "chat_async"),
        ("responses", 40, "responses"),
        ("embeddings", 40, "embeddings"),
        ("stream of 20", 12, "stream_20"),
        ("stream of 200", 3, "stream_200"),
    )
    return [
        Case(name, max(1, int(calls * scale)), getattr(theirs, method), getattr(ours, method))
        for name, calls, method in table
    ]


class _Calls:
    """The same calls through one copy of the client."""

    def __init__(self, openai: Any, httpx: Any, transport: Transport) -> None:
        http, http_async = (
            httpx.Client(transport=transport.sync()),
            httpx.AsyncClient(transport=transport.asynchronous()),
        )
        self._client = openai.OpenAI(api_key="x", http_client=http, max_retries=0)
        self._async = openai.AsyncOpenAI(api_key="x", http_client=http_async, max_retries=0)
        self._loop = asyncio.new_event_loop()
        self._chat = {"model": "gpt-4o", "messages": MESSAGES, "temperature": 0.2}

    def chat(self) -> object:
        return self._client.chat.completions.create(**self._chat)

    def chat_async(self) -> object:
        return self._loop.run_until_complete(self._async.chat.completions.create(**self._chat))

    def responses(self) -> object:
        return self._client.responses.create(model="gpt-4o", input=MESSAGES, temperature=0.2)

    def embeddings(self) -> object:
        return self._client.embeddings.create(model="text-embedding-3-small", input="a" * 2000)

    def stream_20(self) -> object:
        return self._stream("20")

    def stream_200(self) -> object:
        return self._stream("200")

    def _stream(self, chunks: str) -> object:
        for _ in self._client.chat.completions.create(**self._chat, stream=True, extra_headers={"x-chunks": chunks}):
            pass
        return None


def _chat() -> bytes:
    message = {"role": "assistant", "content": _TEXT, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": _MODEL}
    return json.dumps({**head, "choices": [choice], "usage": _CHAT_USAGE, "service_tier": "default"}).encode()


def _responses() -> bytes:
    content = {"type": "output_text", "text": _TEXT, "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [content]}
    usage = {
        "input_tokens": 600,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 150,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 750,
    }
    head = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": _MODEL}
    rest = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "service_tier": "default"}
    return json.dumps({**head, **rest, "output": [item], "usage": usage}).encode()


def _embeddings() -> bytes:
    # What a server answers to base64, which is what the client asks for by itself.
    vector = {"object": "embedding", "index": 0, "embedding": base64.b64encode(bytes(4 * 1536)).decode()}
    usage = {"prompt_tokens": 400, "total_tokens": 400}
    head = {"object": "list", "model": "text-embedding-3-small"}
    return json.dumps({**head, "data": [vector], "usage": usage}).encode()


def _events(chunks: int) -> list[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": _MODEL}

    def event(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return b"data: " + json.dumps({**head, "choices": [choice], "usage": None}).encode() + b"\n\n"

    last = b"data: " + json.dumps({**head, "choices": [], "usage": _CHAT_USAGE}).encode() + b"\n\n"
    return [*(event({"content": " word"}) for _ in range(chunks - 3)), event({}, "stop"), last, b"data: [DONE]\n\n"]
