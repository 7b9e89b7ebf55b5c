"""Where a setting says so, streams are asked for their usage, and the app does not see the answer."""

from __future__ import annotations

import gzip
import json
from copy import deepcopy
from typing import Any

import openai
import pytest

import llmtrace
from llmtrace.asking import is_answer, with_usage
from support.releases import http as httpx2
from support.spans import attributes

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True}
LEGACY: Any = {"model": "gpt-3.5-turbo-instruct", "prompt": "hi", "stream": True}
CALLS = {
    "chat": lambda client: client.chat.completions.create(**CHAT),
    "raw": lambda client: client.chat.completions.with_raw_response.create(**CHAT).parse(),
    "legacy": lambda client: client.completions.create(**LEGACY),
}


@pytest.fixture
def asking(make_traces: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Spans of this test, with usage asked for."""
    monkeypatch.setenv("LLMTRACE_ASK_USAGE", "true")
    return make_traces()


def _asked(fake: Any) -> list[Any]:
    return [request.body.get("stream_options") for request in fake.requests]


def _usage(traces: Any) -> tuple[Any, Any]:
    found = attributes(traces.one())
    assert not [name for name in found if name.startswith("llmtrace.estimated.")]
    return found.get("gen_ai.usage.input_tokens"), found.get("gen_ai.usage.output_tokens")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_usage_is_told_and_the_app_sees_no_chunk_of_it(call: Any, asking: Any, fake: Any, client: Any) -> None:
    chunks = list(call(client))
    assert _asked(fake) == [{"include_usage": True}]
    assert all(chunk.choices for chunk in chunks)
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)
    assert None not in _usage(asking)
    assert float(attributes(asking.one())["llmtrace.cost.usd"]) > 0


def test_an_async_stream_is_asked_too(asking: Any, fake: Any, async_client: Any, run: Any) -> None:
    async def read() -> list[Any]:
        return [chunk async for chunk in await async_client.chat.completions.create(**CHAT)]

    chunks = run(read())
    assert _asked(fake) == [{"include_usage": True}]
    assert all(chunk.choices for chunk in chunks)
    assert None not in _usage(asking)


def test_the_stream_helper_ends_as_it_does_without_us(asking: Any, fake: Any, client: Any) -> None:
    with client.chat.completions.stream(model="gpt-4o", messages=CHAT["messages"]) as stream:
        list(stream)
        assert stream.get_final_completion().usage is None
    assert None not in _usage(asking)


def test_nothing_is_asked_by_default(traces: Any, fake: Any, client: Any) -> None:
    list(client.chat.completions.create(**CHAT))
    assert _asked(fake) == [None]
    assert "gen_ai.usage.input_tokens" not in attributes(traces.one())


@pytest.mark.parametrize("said", [True, False])
def test_an_app_that_says_something_of_usage_is_left_alone(said: bool, asking: Any, fake: Any, client: Any) -> None:
    chunks = list(client.chat.completions.create(**CHAT, stream_options={"include_usage": said}))
    assert _asked(fake) == [{"include_usage": said}]
    assert (chunks[-1].usage is not None) == said


def test_what_the_app_says_beside_the_client_counts_as_its_word(asking: Any, fake: Any, client: Any) -> None:
    list(client.chat.completions.create(**CHAT, extra_body={"stream_options": {"include_usage": False}}))
    assert _asked(fake) == [{"include_usage": False}]


def test_who_reads_the_bytes_is_not_asked_for_for_they_would_be_seen(asking: Any, fake: Any, client: Any) -> None:
    with client.chat.completions.with_streaming_response.create(**CHAT) as response:
        told = response.read()
    assert _asked(fake) == [None]
    assert b'"usage"' not in told


def test_neither_whole_answers_nor_other_calls_are_asked(asking: Any, fake: Any, client: Any) -> None:
    client.chat.completions.create(model="gpt-4o", messages=CHAT["messages"])
    list(client.responses.create(model="gpt-4o", input="hi", stream=True))
    client.embeddings.create(model="text-embedding-3-small", input="hi")
    assert _asked(fake) == [None, None, None]


def test_the_app_s_own_options_and_dicts_are_not_written_to(asking: Any, fake: Any, client: Any) -> None:
    options: Any = {"include_obfuscation": False}
    before = deepcopy(options)
    list(client.chat.completions.create(**CHAT, stream_options=options))
    assert options == before
    assert _asked(fake) == [{"include_obfuscation": False, "include_usage": True}]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_compressed_stream_is_hidden_in_as_well(at_once: bool, asking: Any) -> None:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    choice = {"index": 0, "delta": {"content": "hey"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    events = [{**head, "choices": [choice], "usage": None}, {**head, "choices": [], "usage": usage}]
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"
    headers = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    packed = gzip.compress(body)

    def respond(_: Any) -> Any:  # read whole before we see it, as by a cache, or piece by piece
        return httpx2.Response(200, headers=headers, content=packed if at_once else iter([packed[:9], packed[9:]]))

    transport = httpx2.MockTransport(respond)
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client:
        assert len(list(client.chat.completions.create(**CHAT))) == 1
    assert _usage(asking) == (3, 2)


def test_uninstrument_puts_the_client_s_own_functions_back(monkeypatch: pytest.MonkeyPatch, make_traces: Any) -> None:
    streams = (openai.Stream, openai.AsyncStream)
    before = [vars(stream)["_iter_events"] for stream in streams]
    monkeypatch.setenv("LLMTRACE_ASK_USAGE", "true")
    make_traces()
    assert all(vars(stream)["_iter_events"] is not plain for stream, plain in zip(streams, before, strict=True))
    llmtrace.uninstrument()
    assert all(vars(stream)["_iter_events"] is plain for stream, plain in zip(streams, before, strict=True))


@pytest.mark.parametrize(
    ("data", "hides"),
    [
        ('{"choices":[],"usage":{"prompt_tokens":1}}', True),
        ('{"choices": [], "usage": {"prompt_tokens": 1}}', True),
        ('{"choices":[],"prompt_filter_results":[],"usage":null}', False),  # Azure's first
        ('{"choices":[{"index":0}],"usage":{"prompt_tokens":1}}', False),
        ('{"choices":[],"usage":', False),
        ("[DONE]", False),
    ],
)
def test_only_usage_without_a_choice_is_hidden(data: str, hides: bool) -> None:
    assert is_answer(data) is hides


@pytest.mark.parametrize("sent", [None, [], {}, {"stream": False}, {"stream": True, "stream_options": "all"}])
def test_where_there_is_nothing_to_ask_nothing_is(sent: Any) -> None:
    assert with_usage("chat", sent) is None
