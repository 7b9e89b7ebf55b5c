"""Anthropic's client, which is made on the same base, is seen through the same seam."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import _base_client
from hypothesis import given
from hypothesis import strategies as st

import llmtrace
from llmtrace.reading.messages import MessagesTotal, reply_as_chat, request_as_chat
from support.spans import attributes, failed

MODEL = "claude-opus-4-8"
TOOL = {"name": "find", "description": "Finds an order", "input_schema": {"type": "object", "properties": {}}}
ASK: Any = {
    "model": MODEL,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "where is it?"}],
    "system": [{"type": "text", "text": "be brief"}],
}
USAGE = {
    "input_tokens": 100,
    "cache_read_input_tokens": 1000,
    "cache_creation_input_tokens": 200,
    "cache_creation": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50},
    "output_tokens": 10,
    "service_tier": "standard",
}
BLOCKS: list[Any] = [
    {"type": "thinking", "thinking": "hm", "signature": "s"},
    {"type": "text", "text": "I look."},
    {"type": "tool_use", "id": "t1", "name": "find", "input": {"order": 7}},
]
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": BLOCKS,
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": USAGE,
}


def _events() -> list[Any]:
    begun = {**MESSAGE, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    deltas = [
        (0, {**BLOCKS[0], "thinking": ""}, [{"type": "thinking_delta", "thinking": "hm"}]),
        (1, {**BLOCKS[1], "text": ""}, [{"type": "text_delta", "text": "I "}, {"type": "text_delta", "text": "look."}]),
        (
            2,
            {**BLOCKS[2], "input": {}},
            [{"type": "input_json_delta", "partial_json": p} for p in ('{"order"', ": 7}")],
        ),
    ]
    blocks = [
        event
        for index, block, pieces in deltas
        for event in (
            {"type": "content_block_start", "index": index, "content_block": block},
            *({"type": "content_block_delta", "index": index, "delta": piece} for piece in pieces),
            {"type": "content_block_stop", "index": index},
        )
    ]
    end = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 10}}
    return [{"type": "message_start", "message": begun}, {"type": "ping"}, *blocks, end, {"type": "message_stop"}]


class _Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, events: list[Any]) -> None:
        self._pieces = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class Api:
    """Answers like Anthropic's, and the clients of it."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.events = _events()
        transport = httpx2.MockTransport(self._answer)
        options: Any = {"api_key": "x", "max_retries": 0}
        self.sync = anthropic.Anthropic(http_client=httpx2.Client(transport=transport), **options)
        self.asynchronous = anthropic.AsyncAnthropic(http_client=httpx2.AsyncClient(transport=transport), **options)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        sent = json.loads(request.content)
        self.requests.append(sent)
        if request.url.path.endswith("count_tokens"):
            return httpx2.Response(200, json={"input_tokens": 14})
        if sent.get("model") == "overloaded":
            error = {"type": "overloaded_error", "message": "where is it?"}
            return httpx2.Response(529, json={"type": "error", "error": error}, headers={"request-id": "req_9"})
        if sent.get("stream"):
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_Pieces(self.events))
        return httpx2.Response(200, json=MESSAGE, headers={"request-id": "req_1"})


@pytest.fixture(scope="module")
def _api() -> Api:
    return Api()


@pytest.fixture
def api(_api: Api) -> Api:
    _api.requests.clear()
    _api.events = _events()
    return _api


def _stream_helper(api: Api) -> None:
    with api.sync.messages.stream(**ASK) as stream:
        assert "".join(stream.text_stream) == "I look."


FORMS: dict[str, Callable[[Api], Any]] = {
    "create": lambda api: api.sync.messages.create(**ASK),
    "beta": lambda api: api.sync.beta.messages.create(**ASK),
    "raw": lambda api: api.sync.messages.with_raw_response.create(**ASK).parse(),
    "stream": lambda api: list(api.sync.messages.create(**ASK, stream=True)),
    "helper": _stream_helper,
}


def _check(span: Any) -> None:
    found = attributes(span)
    assert span.name == f"chat {MODEL}"
    assert not failed(span)
    assert (found["gen_ai.provider.name"], found["server.address"]) == ("anthropic", "api.anthropic.com")
    assert (found["gen_ai.request.model"], found["gen_ai.response.id"]) == (MODEL, "msg_1")
    assert found["gen_ai.request.max_tokens"] == 100
    assert found["gen_ai.response.finish_reasons"] == ("tool_calls",)
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (1300, 10)
    assert found["gen_ai.usage.cache_read.input_tokens"] == 1000
    assert found["gen_ai.usage.cache_write.input_tokens"] == 200
    assert found["llmtrace.usage.cache_creation_1h.input_tokens"] == 50


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_a_message_gives_one_span_with_its_tokens(form: str, api: Api, traces: Any) -> None:
    assert FORMS[form](api) or form == "helper"
    _check(traces.one())


@pytest.mark.parametrize("streamed", [False, True])
def test_async_a_message_gives_the_same(streamed: bool, api: Api, traces: Any, run: Any) -> None:
    async def ask() -> None:
        if streamed:
            assert [event async for event in await api.asynchronous.messages.create(**ASK, stream=True)]
        else:
            assert (await api.asynchronous.messages.create(**ASK)).id == "msg_1"

    run(ask())
    _check(traces.one())


def test_what_is_cached_for_an_hour_costs_what_that_costs(api: Api, traces: Any) -> None:
    api.sync.messages.create(**ASK)
    # By https://www.anthropic.com/pricing: 5 and 25 dollars a million, 0.50 read, 6.25 and 10 written.
    expected = (100 * 5 + 1000 * Decimal("0.5") + 150 * Decimal("6.25") + 50 * 10 + 10 * 25) / Decimal(10**6)
    assert Decimal(attributes(traces.one())["llmtrace.cost.usd"]) == expected


@pytest.mark.parametrize("streamed", [False, True])
def test_content_keeps_to_the_conventions(streamed: bool, api: Api, make_traces: Any) -> None:
    traces = make_traces(capture_content=True)
    result = {"type": "tool_result", "tool_use_id": "t0", "content": "gone"}
    image = {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
    said = [{"role": "user", "content": [result, image, {"type": "text", "text": "and now?"}]}]
    answer = api.sync.messages.create(**{**ASK, "messages": said}, tools=[TOOL], stream=streamed)
    if streamed:
        list(answer)
    found = attributes(traces.one())
    assert json.loads(found["gen_ai.system_instructions"]) == [{"type": "text", "content": "be brief"}]
    assert json.loads(found["gen_ai.input.messages"]) == [
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t0", "response": "gone"}]},
        {
            "role": "user",
            "parts": [
                {"type": "uri", "modality": "image", "uri": "https://x.example/a.png"},
                {"type": "text", "content": "and now?"},
            ],
        },
    ]
    (output,) = json.loads(found["gen_ai.output.messages"])
    assert output["finish_reason"] == "tool_call"
    assert output["parts"] == [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "I look."},
        {"type": "tool_call", "name": "find", "arguments": {"order": 7}, "id": "t1"},
    ]
    (tool,) = json.loads(found["gen_ai.tool.definitions"])
    assert (tool["name"], tool["parameters"]) == ("find", TOOL["input_schema"])


def test_no_text_is_told_without_content(api: Api, traces: Any) -> None:
    api.sync.messages.create(**ASK)
    told = json.dumps(attributes(traces.one()))
    assert not any(text in told for text in ("where is it", "be brief", "I look", "hm"))


def test_how_a_stream_ends_is_told(api: Api, traces: Any) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "no"}}
    for events in (_events(), _events()[:5], [*_events()[:5], error]):
        api.events = events
        with suppress(anthropic.APIStatusError):
            list(api.sync.messages.create(**ASK, stream=True))
    with api.sync.messages.create(**ASK, stream=True) as stream:
        next(iter(stream))
    ends = [attributes(span)["llmtrace.response.stream_end"] for span in traces.spans()]
    assert ends == ["completed", "cut_off", "broken", "closed"]


def test_an_error_is_told_with_its_code_and_request_id(api: Api, traces: Any) -> None:
    with pytest.raises(anthropic.APIStatusError) as raised:
        api.sync.messages.create(**{**ASK, "model": "overloaded"})
    found = attributes(traces.one())
    assert failed(traces.one())
    assert found["error.type"] == type(raised.value).__name__
    assert found["http.response.status_code"] == 529
    assert found["llmtrace.response.request_id"] == "req_9"


def test_counting_tokens_uses_none(api: Api, traces: Any) -> None:
    api.sync.messages.count_tokens(model=MODEL, messages=ASK["messages"])
    found = attributes(traces.one())
    assert traces.one().name == f"messages.count_tokens {MODEL}"
    assert "gen_ai.usage.input_tokens" not in found


def test_what_is_asked_of_openai_is_not_asked_of_others(api: Api, make_traces: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("LLMTRACE_ASK_USAGE", "1")
    make_traces()
    list(api.sync.messages.create(**ASK, stream=True))
    assert api.requests == [{**ASK, "stream": True}]


def test_uninstrument_puts_back_the_very_functions(make_traces: Any, api: Api) -> None:
    def functions() -> list[int]:
        owners = (_base_client.SyncAPIClient, _base_client.AsyncAPIClient)
        return [id(owner.__dict__[name]) for owner in owners for name in ("request", "_process_response")]

    before = functions()
    make_traces()
    assert not set(before) & set(functions())
    llmtrace.uninstrument()
    assert functions() == before


def test_the_client_is_not_imported_by_us_and_is_seen_once_the_app_imports_it() -> None:
    script = """
import sys, llmtrace
llmtrace.instrument(export="none")
assert "anthropic" not in sys.modules
import anthropic
print(type(vars(anthropic._base_client.SyncAPIClient)["request"]).__name__)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=240)
    assert (done.stdout.strip(), done.stderr) == ("FunctionWrapper", "")


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "content", "text", "usage", "delta", "index", "message", "source", "input_tokens"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_OBJECT = st.dictionaries(
    st.sampled_from(["type", "content", "messages", "system", "tools", "usage", "index", "delta", "message", "role"]),
    _ANY
    | st.sampled_from(["message_start", "content_block_start", "content_block_delta", "message_delta", "tool_use"]),
    max_size=6,
)


@given(_OBJECT)
def test_any_body_is_brought_into_shape_without_a_fault(body: Any) -> None:
    request_as_chat(body)
    reply_as_chat(body)


@given(st.lists(_OBJECT, max_size=6))
def test_any_events_add_up_without_a_fault(events: Any) -> None:
    total = MessagesTotal()
    for event in events:
        total.add(event)
    total.body()
