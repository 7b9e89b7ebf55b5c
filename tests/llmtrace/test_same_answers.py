"""Whatever a provider answers, the app gets the very result or exception it gets without us, and there is one span."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
import pytest

import llmtrace
from support.releases import http as httpx2

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
HEAD: Any = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
CHOICE: Any = {"index": 0, "message": {"role": "assistant", "content": "hey"}, "finish_reason": "stop"}
USAGE: Any = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
JSON = "application/json"
SSE = "text/event-stream"


def _json(**fields: Any) -> bytes:
    return json.dumps({**HEAD, "choices": [CHOICE], "usage": USAGE, **fields}).encode()


def _event(**fields: Any) -> bytes:
    return (
        b"data: " + json.dumps({**HEAD, "object": "chat.completion.chunk", "choices": [], **fields}).encode() + b"\n\n"
    )


def _delta(content: str | None = "he", finish: str | None = None, **fields: Any) -> bytes:
    return _event(choices=[{"index": 0, "delta": {"content": content}, "finish_reason": finish, **fields}])


DONE = b"data: [DONE]\n\n"
FILTERED: Any = {"hate": {"filtered": False, "severity": "safe"}, "jailbreak": {"filtered": True, "detected": True}}
HTML = b"<html><body>502 Bad Gateway</body></html>"

# name -> status, content type, body
WHOLE: dict[str, tuple[int, str, bytes]] = {
    "good": (200, JSON, _json()),
    "no usage": (200, JSON, _json(usage=None)),
    "null choices": (200, JSON, _json(choices=None)),
    "choices of null": (200, JSON, _json(choices=[None])),
    "wrong types": (200, JSON, _json(id=5, model=["a"], choices={"a": 1}, usage="many", created="now")),
    "counts that are none": (200, JSON, _json(usage={"prompt_tokens": "3", "completion_tokens": 1.5})),
    "huge numbers": (200, JSON, _json(usage={"prompt_tokens": 10**30, "completion_tokens": -1})),
    "not a number": (200, JSON, _json(usage={"prompt_tokens": float("nan"), "completion_tokens": float("inf")})),
    "empty body": (200, JSON, b""),
    "null": (200, JSON, b"null"),
    "a list": (200, JSON, b"[1, 2]"),
    "a string": (200, JSON, b'"hey"'),
    "a number": (200, JSON, b"42"),
    "truncated": (200, JSON, _json()[:-20]),
    "deeply nested": (200, JSON, b"[" * 100_000),
    "a byte order mark": (200, JSON, b"\xef\xbb\xbf" + _json()),
    "lone surrogates": (200, JSON, _json(id="\ud800", model="gpt\udfff")),
    "invalid UTF-8 inside": (200, JSON, _json(system_fingerprint="@").replace(b"@", b"\xff\xfe")),
    "invalid UTF-8": (200, JSON, bytes(range(128, 256)) * 10),
    "HTML": (200, "text/html", HTML),
    "HTML said to be JSON": (200, JSON, HTML),
    "JSON said to be text": (200, "text/plain", _json()),
    "no content type": (200, "", _json()),
    "five megabytes": (
        200,
        JSON,
        _json(choices=[{**CHOICE, "message": {"role": "assistant", "content": "a" * 5_000_000}}]),
    ),
    "an error in a good answer": (200, JSON, b'{"error": {"code": 502, "message": "no"}}'),
    "Azure's content filter": (
        200,
        JSON,
        _json(
            choices=[{**CHOICE, "finish_reason": "content_filter", "content_filter_results": FILTERED, "message": {}}],
            prompt_filter_results=[{"prompt_index": 0, "content_filter_results": FILTERED}],
        ),
    ),
    "OpenRouter": (
        200,
        JSON,
        _json(
            provider="Anthropic",
            choices=[{**CHOICE, "native_finish_reason": "end_turn", "message": {"content": "a", "reasoning": "hm"}}],
            usage={**USAGE, "cost": 0.00014, "is_byok": False, "cost_details": {"upstream_inference_cost": None}},
        ),
    ),
    "vLLM": (
        200,
        JSON,
        _json(
            choices=[{**CHOICE, "stop_reason": None, "message": {"content": "a", "reasoning_content": "hm"}}],
            prompt_logprobs=None,
            kv_transfer_params=None,
        ),
    ),
    "400": (400, JSON, b'{"error": {"message": "bad", "type": "invalid_request_error", "param": null, "code": null}}'),
    "400 with a text as error": (400, JSON, b'{"error": "bad"}'),
    "401 with a list": (401, JSON, b"[]"),
    "404 truncated": (404, JSON, b'{"error": {"mess'),
    "429 in HTML": (429, "text/html", HTML),
    "500 without a body": (500, JSON, b""),
    "502 in invalid UTF-8": (502, JSON, b"\xff\xfe\xfd"),
    "503 deeply nested": (503, JSON, b"[" * 100_000),
    "302 to nowhere": (302, JSON, b""),
    "204": (204, JSON, b""),
}
STREAMS: dict[str, tuple[int, str, bytes]] = {
    "good": (200, SSE, _delta() + _delta(None, "stop") + _event(usage=USAGE) + DONE),
    "Azure's empty first chunk": (
        200,
        SSE,
        _event(id="", model="", prompt_filter_results=[{"content_filter_results": FILTERED}]) + _delta() + DONE,
    ),
    "content filter chunks": (
        200,
        SSE,
        _delta(content_filter_results=FILTERED)
        + _event(choices=[{"index": 0, "finish_reason": None, "content_filter_offsets": {"check_offset": 44}}])
        + _delta(None, "content_filter")
        + DONE,
    ),
    "OpenRouter": (
        200,
        SSE,
        b": OPENROUTER PROCESSING\n\n" * 3
        + _event(choices=[{"index": 0, "delta": {"content": "", "reasoning": "hm"}, "native_finish_reason": None}])
        + b": OPENROUTER PROCESSING\n\n"
        + _delta("hey", "stop")
        + _event(usage={**USAGE, "cost": 0.00014, "is_byok": False})
        + DONE,
    ),
    "vLLM": (200, SSE, _event(choices=[{"index": 0, "delta": {"role": "assistant"}}], usage=USAGE) + _delta() + DONE),
    "null choices": (200, SSE, _event(choices=None) + DONE),
    "wrong types": (200, SSE, _event(id=5, model=[], choices={"a": 1}, usage="many") + DONE),
    "choices of wrong types": (200, SSE, _event(choices=[None, 5, {"index": "a", "delta": "b"}]) + DONE),
    "a list": (200, SSE, b"data: [1, 2]\n\n" + DONE),
    "a number": (200, SSE, b"data: 42\n\n" + DONE),
    "truncated JSON": (200, SSE, _delta() + b'data: {"id": "c1", "ch\n\n'),
    "cut off inside an event": (200, SSE, _delta() + _delta()[:-9]),
    "no end": (200, SSE, _delta()),
    "an empty body": (200, SSE, b""),
    "nothing but the end": (200, SSE, DONE),
    "after the end": (200, SSE, _delta() + DONE + b"data: {oops\n\n"),
    "an error event": (200, SSE, _delta() + b'data: {"error": {"message": "no", "code": 502}}\n\n'),
    "a text as error": (200, SSE, b'data: {"error": "no"}\n\n'),
    "a named error event": (200, SSE, b'event: error\ndata: {"message": "no", "code": "overloaded"}\n\n' + DONE),
    "lines that end in CR LF": (200, SSE, (_delta() + DONE).replace(b"\n", b"\r\n")),
    "data over several lines": (200, SSE, b'data: {"id": "c1",\ndata: "choices": []}\n\n' + DONE),
    "other fields": (200, SSE, b"id: 1\nretry: 5\nunknown: a\n" + _delta() + b"data:[DONE]\n\n"),
    "invalid UTF-8": (200, SSE, _delta("@").replace(b"@", b"\xff\xfe") + DONE),
    "a byte order mark": (200, SSE, b"\xef\xbb\xbf" + _delta() + DONE),
    "five megabytes": (200, SSE, _delta("a" * 5_000_000, "stop") + DONE),
    "deeply nested": (200, SSE, b"data: " + b"[" * 100_000 + b"\n\n" + DONE),
    "HTML": (200, "text/html", HTML),
    "JSON": (200, JSON, _json()),
    "429": (429, JSON, b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}'),
    "500 as events": (500, SSE, b'data: {"error": {"message": "no"}}\n\n'),
}


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body in pieces that heed no borders, as a network brings it."""

    def __init__(self, body: bytes) -> None:
        size = max(97, len(body) // 64)
        self._pieces = [body[at : at + size] for at in range(0, len(body), size)]

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Clients:
    """One client of each kind for all: a constructor costs 95 ms. They are answered what is laid out."""

    def __init__(self) -> None:
        self.answer: tuple[int, str, bytes] = (200, JSON, b"")
        transport = httpx2.MockTransport(self._respond)
        options: Any = {"api_key": "x", "max_retries": 0}
        self.sync = openai.OpenAI(http_client=httpx2.Client(transport=transport), **options)
        self.asynchronous = openai.AsyncOpenAI(http_client=httpx2.AsyncClient(transport=transport), **options)

    def _respond(self, _: httpx2.Request) -> httpx2.Response:
        status, kind, body = self.answer
        headers = {"content-type": kind} if kind else {}
        return httpx2.Response(status, headers=headers, stream=Pieces(body))


@pytest.fixture(scope="module")
def clients(runner: asyncio.Runner) -> Iterator[Clients]:
    made = Clients()
    yield made
    made.sync.close()
    runner.run(made.asynchronous.close())


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if hasattr(value, "model_dump"):
        # As text: NaN is not equal to itself.
        return type(value), repr(value.model_dump(warnings=False)), value.model_fields_set
    return type(value), value


def _told(error: BaseException) -> Any:
    below = [] if error.__cause__ is None else [_told(error.__cause__)]
    response = getattr(error, "response", None)
    return (
        type(error),
        str(error),
        getattr(error, "status_code", None),
        getattr(error, "body", None),
        None if response is None else (response.status_code, response.content, dict(response.headers)),
        *below,
    )


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return "returned", _plain(call())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what we compare
        return "raised", _told(error)


def _whole(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(**CHAT)


def _whole_raw(client: openai.OpenAI) -> Any:
    raw = client.chat.completions.with_raw_response.create(**CHAT)
    return [raw.content, raw.parse()]


def _stream(client: openai.OpenAI) -> Any:
    with client.chat.completions.create(**CHAT, stream=True) as stream:
        return [type(stream), *stream]


def _stream_bytes(client: openai.OpenAI) -> Any:
    with client.chat.completions.with_streaming_response.create(**CHAT, stream=True) as response:
        return b"".join(response.iter_bytes())


async def _async_whole(client: openai.AsyncOpenAI) -> Any:
    return await client.chat.completions.create(**CHAT)


async def _async_stream(client: openai.AsyncOpenAI) -> Any:
    async with await client.chat.completions.create(**CHAT, stream=True) as stream:
        return [type(stream), *[chunk async for chunk in stream]]


def _check_same(call: Callable[[], Any], make_traces: Any) -> None:
    without = _outcome(call)
    traces = make_traces(capture_content=True)
    assert _outcome(call) == without
    assert traces.one()  # and no fault of ours, which would raise here
    llmtrace.uninstrument()
    assert _outcome(call) == without


@pytest.mark.parametrize("form", [_whole, _whole_raw], ids=["whole", "raw"])
@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_reaches_the_app_as_without_us(name: str, form: Any, clients: Clients, make_traces: Any) -> None:
    clients.answer = WHOLE[name]
    _check_same(lambda: form(clients.sync), make_traces)


@pytest.mark.parametrize("form", [_stream, _stream_bytes], ids=["stream", "bytes"])
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_reaches_the_app_as_without_us(name: str, form: Any, clients: Clients, make_traces: Any) -> None:
    clients.answer = STREAMS[name]
    _check_same(lambda: form(clients.sync), make_traces)


@pytest.mark.parametrize("name", WHOLE)
def test_async_an_answer_reaches_the_app_as_without_us(name: str, clients: Clients, make_traces: Any, run: Any) -> None:
    clients.answer = WHOLE[name]
    _check_same(lambda: run(_async_whole(clients.asynchronous)), make_traces)


@pytest.mark.parametrize("name", STREAMS)
def test_async_a_stream_reaches_the_app_as_without_us(name: str, clients: Clients, make_traces: Any, run: Any) -> None:
    clients.answer = STREAMS[name]
    _check_same(lambda: run(_async_stream(clients.asynchronous)), make_traces)
