"""A stream's span ends exactly once, however the stream ends, and says how."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest

from llmtrace.reading.encodings import inflate
from support.releases import http as httpx2
from support.releases import needs_openai
from support.spans import attributes, failed

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True}
WITH_USAGE: Any = {**CHAT, "stream_options": {"include_usage": True}}


def _end_of(traces: Any) -> str:
    end: str = attributes(traces.one())["llmtrace.response.stream_end"]
    return end


def test_a_finished_stream_is_completed(traces: Any, fake: Any, client: Any) -> None:
    list(client.chat.completions.create(**CHAT))
    assert _end_of(traces) == "completed"
    assert not failed(traces.one())


def test_the_span_ends_with_the_last_chunk_not_with_the_call(traces: Any, fake: Any, client: Any) -> None:
    with client.chat.completions.create(**CHAT) as stream:
        next(stream)
        assert traces.spans() == []
        list(stream)
    assert _end_of(traces) == "completed"


def test_a_stream_closed_early_is_closed_and_no_error(traces: Any, fake: Any, client: Any) -> None:
    fake.chunk_interval_s = 0.02
    try:
        stream = client.chat.completions.create(**WITH_USAGE)
        next(stream)
        stream.close()
    finally:
        fake.chunk_interval_s = 0.0
    found = attributes(traces.one())
    assert found["llmtrace.response.stream_end"] == "closed"
    assert found["llmtrace.cost.unpriced_reason"] == "usage_not_reported"
    assert found["gen_ai.response.finish_reasons"] == ("error",), "a reason was to come and did not"
    assert not failed(traces.one())


def _raise_inside(stream: Any) -> None:
    with stream:
        next(stream)
        raise ZeroDivisionError


def test_an_exception_in_the_with_body_closes_the_span_once(traces: Any, fake: Any, client: Any) -> None:
    fake.chunk_interval_s = 0.02
    try:
        with pytest.raises(ZeroDivisionError):
            _raise_inside(client.chat.completions.create(**CHAT))
    finally:
        fake.chunk_interval_s = 0.0
    assert _end_of(traces) == "closed"


def test_a_stream_read_to_its_end_and_then_closed_twice_is_one_span(traces: Any, fake: Any, client: Any) -> None:
    stream = client.chat.completions.create(**CHAT)
    list(stream)
    stream.close()
    stream.close()
    assert _end_of(traces) == "completed"


def test_a_stream_the_transport_breaks_is_an_error(traces: Any, fake: Any, client: Any) -> None:
    fake.break_streams_after = 3
    with pytest.raises((openai.APIConnectionError, httpx2.HTTPError)) as raised:
        list(client.chat.completions.create(**CHAT))
    found = attributes(traces.one())
    assert found["llmtrace.response.stream_end"] == "broken"
    assert found["error.type"] == type(raised.value).__name__
    assert found["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    assert failed(traces.one())


def test_an_abandoned_stream_ends_when_it_is_collected(traces: Any, fake: Any, client: Any) -> None:
    client.chat.completions.create(**CHAT)
    gc.collect()
    assert _end_of(traces) == "abandoned"


def test_an_abandoned_stream_that_was_begun_ends_when_it_is_collected(traces: Any, fake: Any, client: Any) -> None:
    fake.chunk_interval_s = 0.02
    try:
        stream = client.chat.completions.create(**CHAT)
        next(stream)
        del stream
        gc.collect()
    finally:
        fake.chunk_interval_s = 0.0
    assert _end_of(traces) == "abandoned"


def test_an_abandoned_raw_stream_ends_too(traces: Any, fake: Any, client: Any) -> None:
    client.chat.completions.with_raw_response.create(**CHAT)
    gc.collect()
    assert _end_of(traces) == "abandoned"


def test_leaving_a_stream_helper_early_closes_the_span(traces: Any, fake: Any, client: Any) -> None:
    fake.chunk_interval_s = 0.02
    try:
        with client.chat.completions.stream(model="gpt-4o", messages=CHAT["messages"]) as stream:
            next(iter(stream))
    finally:
        fake.chunk_interval_s = 0.0
    assert _end_of(traces) == "closed"


def test_a_binary_download_is_one_span_and_is_not_kept(traces: Any) -> None:
    body = b"\x00\x01" * 10_000
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "audio/mpeg"}, stream=Pieces([body]))
    )
    with (
        openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client,
        client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="hi") as response,
    ):
        held = response.http_response.stream._self_tap
        assert response.read() == body
        assert held._chunks == []
    assert traces.one().name == "audio.speech tts-1"


def test_async_a_stream_closed_early_is_closed(traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    async def closes() -> None:
        stream = await async_client.chat.completions.create(**CHAT)
        await anext(stream)
        await stream.close()

    fake.chunk_interval_s = 0.02
    try:
        run(closes())
    finally:
        fake.chunk_interval_s = 0.0
    assert _end_of(traces) == "closed"


def test_async_a_broken_stream_is_an_error(traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    async def reads() -> None:
        async for _ in await async_client.chat.completions.create(**CHAT):
            pass

    fake.break_streams_after = 3
    with pytest.raises((openai.APIConnectionError, httpx2.HTTPError)):
        run(reads())
    assert _end_of(traces) == "broken"
    assert failed(traces.one())


def test_async_an_abandoned_stream_ends(traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    async def abandons() -> None:
        stream = await async_client.chat.completions.create(**CHAT)
        await anext(stream)
        del stream
        gc.collect()
        deadline = time.monotonic() + 10
        while not traces.spans() and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody sets an event
            await asyncio.sleep(0.01)  # the loop closes abandoned generators in its next turns

    fake.chunk_interval_s = 0.02
    try:
        run(abandons())
    finally:
        fake.chunk_interval_s = 0.0
    assert _end_of(traces) == "abandoned"


# --- streams only a made-up transport can send -------------------------------------------------------------------


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body in given pieces; an exception among them is raised."""

    def __init__(self, pieces: list[Any]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def _chunk(**fields: Any) -> bytes:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    return b"data: " + json.dumps({**head, **fields}).encode() + b"\n\n"


def _delta(content: str | None = None, finish: str | None = None) -> bytes:
    delta = {} if content is None else {"content": content}
    return _chunk(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])


def _streaming(pieces: list[Any], **headers: str) -> openai.OpenAI:
    kept = {"content-type": "text/event-stream", **headers}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=kept, stream=Pieces(pieces)))
    return openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport), max_retries=0)


@needs_openai("3.0")
def test_an_error_event_in_the_stream_is_an_error(traces: Any) -> None:
    error = b'data: {"error": {"message": "overloaded", "type": "server_error", "code": null}}\n\n'
    with _streaming([_delta("he"), error]) as client, pytest.raises(openai.APIError):
        list(client.chat.completions.create(**CHAT))
    found = attributes(traces.one())
    assert found["error.type"] == "server_error"
    assert found["llmtrace.response.stream_end"] == "broken"


@needs_openai("3.0")
def test_an_event_that_is_not_json_is_an_error_as_it_is_to_the_client(traces: Any) -> None:
    with _streaming([_delta("he"), b"data: {oops\n\n"]) as client, pytest.raises(json.JSONDecodeError):
        list(client.chat.completions.create(**CHAT))
    assert attributes(traces.one())["error.type"] == "JSONDecodeError"


def test_a_stream_the_server_cuts_off_is_told_from_a_finished_one(traces: Any) -> None:
    with _streaming([_delta("he")]) as client:
        list(client.chat.completions.create(**CHAT))
    assert _end_of(traces) == "cut_off"


def test_the_last_usage_of_a_stream_counts(traces: Any) -> None:
    def usage(count: int) -> dict[str, int]:
        return {"prompt_tokens": 12, "completion_tokens": count, "total_tokens": 12 + count}

    first = _chunk(choices=[{"index": 0, "delta": {"content": "a"}, "finish_reason": None}], usage=usage(1))
    last = _chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage=usage(8))
    with _streaming([first, last, b"data: [DONE]\n\n"]) as client:
        list(client.chat.completions.create(**CHAT))
    assert attributes(traces.one())["gen_ai.usage.output_tokens"] == 8


def test_the_first_token_is_the_first_event_with_content(traces: Any) -> None:
    with _streaming([b": keep-alive\n\n", _delta(""), _delta("he"), _delta(None, "stop")]) as client:
        list(client.chat.completions.create(**CHAT))
    found = attributes(traces.one())
    assert found["gen_ai.response.time_to_first_chunk"] < found["llmtrace.response.time_to_first_token"]


def test_a_compressed_stream_is_read_through_its_compression(traces: Any) -> None:
    packed = gzip.compress(_delta("he") + _delta("y", "stop") + b"data: [DONE]\n\n")
    pieces = [packed[at : at + 40] for at in range(0, len(packed), 40)]
    with _streaming(pieces, **{"content-encoding": "gzip"}) as client:
        assert len(list(client.chat.completions.create(**CHAT))) == 2
    found = attributes(traces.one())
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert "llmtrace.response.time_to_first_token" in found


def test_usage_is_never_asked_for_on_the_app_s_behalf(traces: Any, fake: Any, client: Any) -> None:
    list(client.chat.completions.create(**CHAT))
    assert "stream_options" not in fake.requests[-1].body
    assert "gen_ai.usage.input_tokens" not in attributes(traces.one())


def test_a_stream_too_long_to_keep_says_so_and_claims_no_more(traces: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmtrace.streams.MAX_KEPT_BYTES", 500)
    usage = _chunk(choices=[], usage={"prompt_tokens": 12, "completion_tokens": 3})
    pieces = [*(_delta("word") for _ in range(10)), _delta(None, "stop"), usage, b"data: [DONE]\n\n"]
    with _streaming(pieces) as client:
        assert len(list(client.chat.completions.create(**CHAT))) == 12
    found = attributes(traces.one())
    assert found["llmtrace.response.stream_end"] == "not_kept"
    assert found["llmtrace.cost.unpriced_reason"] == "body_not_kept"


@pytest.mark.parametrize("error", [KeyboardInterrupt, asyncio.CancelledError])
def test_an_interrupted_stream_is_an_error_of_that_type(error: Any, traces: Any) -> None:
    with _streaming([_delta("he"), error()]) as client, pytest.raises(error):
        list(client.chat.completions.create(**CHAT))
    assert attributes(traces.one())["error.type"] == error.__name__
    assert failed(traces.one())


def test_async_a_task_cancelled_in_its_stream_is_an_error(traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    async def reads() -> None:
        async for _ in await async_client.chat.completions.create(**CHAT):
            pass

    async def cancelled() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reads(), 0.1)

    fake.chunk_interval_s = 0.2
    try:
        run(cancelled())
    finally:
        fake.chunk_interval_s = 0.0
    assert attributes(traces.one())["error.type"] == "CancelledError"


def test_a_stream_of_two_choices_is_complete_when_both_are(traces: Any) -> None:
    def choice(index: int, finish: str | None) -> bytes:
        return _chunk(choices=[{"index": index, "delta": {"content": "a"}, "finish_reason": finish}])

    for pieces in ([choice(0, "stop")], [choice(0, "stop"), choice(1, None)], [choice(0, "stop"), choice(1, "stop")]):
        with _streaming(pieces) as client:
            list(client.chat.completions.create(**CHAT, n=2))
    ends = [attributes(span)["llmtrace.response.stream_end"] for span in traces.spans()]
    assert ends == ["cut_off", "cut_off", "completed"]
    reasons = [attributes(span)["gen_ai.response.finish_reasons"] for span in traces.spans()]
    assert reasons == [("stop", "error"), ("stop", "error"), ("stop", "stop")]


def test_a_finished_stream_is_let_go_of_while_the_app_holds_it(traces: Any, fake: Any, client: Any) -> None:
    stream = client.chat.completions.create(**CHAT)
    list(stream)
    tap = stream.response.stream._self_tap
    assert traces.one()
    tap.note(b"late")
    assert tap._chunks == []
    assert tap._recording.answer is None


def _deflated(body: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize("wbits", [zlib.MAX_WBITS, -zlib.MAX_WBITS])
def test_either_kind_of_deflate_is_read(wbits: int, traces: Any) -> None:
    packed = _deflated(_delta("he") + _delta("y", "stop") + b"data: [DONE]\n\n", wbits)
    with _streaming([packed[:5], packed[5:]], **{"content-encoding": "deflate"}) as client:
        assert len(list(client.chat.completions.create(**CHAT))) == 2
    assert _end_of(traces) == "completed"


# An older client leaves the errors of the HTTP library as they are.
SEEN = (openai.APIError, httpx2.HTTPError)


def test_of_a_damaged_stream_what_came_before_is_read_and_the_call_is_told(traces: Any) -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    pieces = [packer.compress(_delta("he")) + packer.flush(zlib.Z_SYNC_FLUSH), b"\xff" * 300]
    with _streaming(pieces, **{"content-encoding": "gzip"}) as client, pytest.raises(SEEN):
        list(client.chat.completions.create(**CHAT, seed=7))
    gc.collect()  # nor does it close a stream that it raises on: what holds it is the exception
    found = attributes(traces.one())
    assert failed(traces.one())
    assert found["gen_ai.response.model"] == "gpt-4o"
    assert found["gen_ai.request.seed"] == 7


def test_a_small_stream_that_inflates_to_much_is_not_inflated_whole() -> None:
    packed = gzip.compress(b"a" * 5_000_000)
    chunks = [(at, packed[at : at + 100]) for at in range(0, len(packed), 100)]
    tracemalloc.start()
    decoded = inflate(chunks, "gzip", 100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not decoded.whole
    assert peak < 1_000_000


def test_a_fault_in_reading_the_reply_leaves_the_call_and_its_failure(
    traces: Any, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLMTRACE_RAISE_INTERNAL_ERRORS")
    monkeypatch.setattr("llmtrace.readouts.read_reply", lambda *_: 1 / 0)
    fake.break_streams_after = 3
    with pytest.raises((openai.APIConnectionError, httpx2.HTTPError)) as raised:
        list(client.chat.completions.create(**CHAT, seed=7))
    found = attributes(traces.one())
    assert (found["gen_ai.request.seed"], found["error.type"]) == (7, type(raised.value).__name__)
