"""A stream that breaks is told as what the app sees, whoever reads it.

Older clients do not close a stream that they raise on above the transport: the span ends when the exception,
whose traceback holds the stream, is let go of. Newer ones close it at once.
"""

from __future__ import annotations

import gc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
import pytest

from support.releases import http as httpx2
from support.spans import attributes, failed

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True}
CHUNK = (
    b'data: {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", '
    b'"choices": [{"index": 0, "delta": {"content": "he"}, "finish_reason": null}]}\n\n'
)


class Breaking(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """One chunk, then an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield CHUNK
        raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


def _answer(error: Exception) -> httpx2.MockTransport:
    headers = {"content-type": "text/event-stream"}
    return httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, stream=Breaking(error)))


def _raw(client: openai.OpenAI) -> Any:
    return list(client.chat.completions.with_raw_response.create(**CHAT).parse())


def _helper(client: openai.OpenAI) -> Any:
    with client.chat.completions.stream(model="gpt-4o", messages=CHAT["messages"]) as stream:
        return list(stream)


def _streaming_parsed(client: openai.OpenAI) -> Any:
    with client.chat.completions.with_streaming_response.create(**CHAT) as response:
        return list(response.parse())


def _lines(client: openai.OpenAI) -> Any:
    with client.chat.completions.with_streaming_response.create(**CHAT) as response:
        return list(response.iter_lines())


READERS: dict[str, Callable[[openai.OpenAI], Any]] = {
    "stream": lambda client: list(client.chat.completions.create(**CHAT)),
    "responses": lambda client: list(client.responses.create(model="gpt-4o", input="hi", stream=True)),
    "raw": _raw,
    "helper": _helper,
    "streaming response, parsed": _streaming_parsed,
    "streaming response, lines": _lines,
}
# What the app may see of these; not Exception, for a client that has no such method raises, too.
SEEN = (openai.APIError, httpx2.HTTPError, ValueError)
ERRORS = [httpx2.RemoteProtocolError("gone"), httpx2.ReadTimeout("late"), httpx2.ReadError("reset"), ValueError("odd")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("reader", READERS)
def test_a_broken_stream_is_told_as_the_class_the_app_sees(reader: str, error: Exception, traces: Any) -> None:
    with (
        openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=_answer(error))) as client,
        pytest.raises(SEEN) as raised,
    ):
        READERS[reader](client)
    found = attributes(traces.one())
    assert failed(traces.one())
    assert found["llmtrace.response.stream_end"] == "broken"
    assert found["error.type"] == type(raised.value).__name__
    below = raised.value.__cause__
    assert found.get("llmtrace.error.cause") == (type(below).__name__ if below else None)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_async_a_broken_stream_is_told_as_the_class_the_app_sees(error: Exception, traces: Any, run: Any) -> None:
    async def reads() -> None:
        http_client = httpx2.AsyncClient(transport=_answer(error))
        async with openai.AsyncOpenAI(api_key="x", http_client=http_client) as client:
            async for _ in await client.chat.completions.create(**CHAT):
                pass

    with pytest.raises(SEEN) as raised:
        run(reads())
    assert attributes(traces.one())["error.type"] == type(raised.value).__name__


def test_a_damaged_encoding_is_told_as_the_class_the_app_sees(traces: Any) -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    pieces = [packer.compress(CHUNK) + packer.flush(zlib.Z_SYNC_FLUSH), b"\xff" * 300]
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=iter(pieces)))
    with (
        openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client,
        pytest.raises(SEEN) as raised,
    ):
        list(client.chat.completions.create(**CHAT))
    seen = type(raised.value).__name__
    del raised
    gc.collect()
    found = attributes(traces.one())
    assert found["error.type"] == seen
    assert found.get("llmtrace.error.cause", seen) == "DecodingError"


@pytest.mark.parametrize("spoilt", [b"\xff\xfe", CHUNK[6:-2].replace(b"he", b"\xff"), b"{"])
def test_an_event_that_cannot_be_read_is_told_as_the_class_the_app_sees(spoilt: bytes, traces: Any) -> None:
    pieces = [CHUNK.replace(b"he", "hé".encode()), b"data: " + spoilt + b"\n\n", CHUNK, b"data: [DONE]\n\n"]
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=iter(pieces)))
    with (
        openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client,
        pytest.raises(ValueError, match=r".") as raised,
    ):
        list(client.chat.completions.create(**CHAT))
    seen = type(raised.value).__name__
    del raised
    gc.collect()
    found = attributes(traces.one())
    assert (found["error.type"], found["llmtrace.response.stream_end"]) == (seen, "broken")


def test_a_connection_error_tells_what_was_below_it(traces: Any, client: Any) -> None:
    with pytest.raises(openai.APIConnectionError):
        client.with_options(base_url="http://127.0.0.1:9/v1").chat.completions.create(**CHAT)
    assert attributes(traces.one())["llmtrace.error.cause"] == "ConnectError"


@pytest.mark.parametrize(("code", "told"), [("502", "502"), ('"overloaded"', "overloaded"), ("null", "server_error")])
def test_an_error_event_is_told_by_the_provider_s_code(code: str, told: str, traces: Any) -> None:
    event = b'data: {"error": {"message": "no", "type": "server_error", "code": %s}}\n\n' % code.encode()
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=iter([CHUNK, event])))
    with (
        openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client,
        pytest.raises(openai.APIError),
    ):
        list(client.chat.completions.create(**CHAT))
    gc.collect()
    found = attributes(traces.one())
    assert found["error.type"] == found["llmtrace.error.code"] == told
    assert found["llmtrace.response.stream_end"] == "broken"
