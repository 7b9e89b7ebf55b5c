"""Clients of every kind, however the app came by its method: one span a call, and the app's objects as they were."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from unittest import mock

import openai
import pytest
from openai.types.chat import ChatCompletion

import llmtrace
from support.releases import http as httpx2
from support.releases import needs_openai
from support.spans import attributes
from support.waiting import wait_for

MESSAGES: Any = [{"role": "user", "content": "hi"}]
CHAT: Any = {"model": "gpt-4o", "messages": MESSAGES}
RESPONSE: Any = {"model": "gpt-4o", "input": "hi"}
VECTORS: Any = {"model": "text-embedding-3-small", "input": "hi"}


# --- every raw form ----------------------------------------------------------------------------------------------


def _streaming(accessor: Any, arguments: Any) -> Any:
    with accessor.with_streaming_response.create(**arguments) as response:
        return response.parse()


def _streaming_events(accessor: Any, arguments: Any) -> Any:
    with accessor.with_streaming_response.create(**arguments, stream=True) as response:
        return list(response.parse())


RAW: dict[str, Callable[[openai.OpenAI], Any]] = {
    "embeddings raw": lambda c: c.embeddings.with_raw_response.create(**VECTORS).parse(),
    "embeddings streaming": lambda c: _streaming(c.embeddings, VECTORS),
    "responses streaming": lambda c: _streaming(c.responses, RESPONSE),
    "responses streaming events": lambda c: _streaming_events(c.responses, RESPONSE),
    "responses raw stream": lambda c: list(c.responses.with_raw_response.create(**RESPONSE, stream=True).parse()),
    "chat streaming events": lambda c: _streaming_events(c.chat.completions, CHAT),
    "client raw": lambda c: c.with_raw_response.chat.completions.create(**CHAT).parse(),
    "client streaming": lambda c: _streaming(c.chat.completions, CHAT),
}


@pytest.mark.parametrize("form", RAW)
def test_each_raw_form_gives_one_span(form: str, traces: Any, fake: Any, client: Any) -> None:
    assert RAW[form](client)
    assert attributes(traces.one())["gen_ai.response.model"].startswith(("gpt-4o", "text-embedding"))


async def _async_raw(accessor: Any, arguments: Any) -> Any:
    return (await accessor.with_raw_response.create(**arguments)).parse()


async def _async_raw_stream(accessor: Any, arguments: Any) -> Any:
    raw = await accessor.with_raw_response.create(**arguments, stream=True)
    return [event async for event in raw.parse()]


async def _async_streaming(accessor: Any, arguments: Any) -> Any:
    async with accessor.with_streaming_response.create(**arguments) as response:
        return await response.parse()


async def _async_streaming_events(accessor: Any, arguments: Any) -> Any:
    async with accessor.with_streaming_response.create(**arguments, stream=True) as response:
        return [event async for event in await response.parse()]


ASYNC_RAW: dict[str, Callable[[openai.AsyncOpenAI], Any]] = {
    "chat raw stream": lambda c: _async_raw_stream(c.chat.completions, CHAT),
    "chat streaming events": lambda c: _async_streaming_events(c.chat.completions, CHAT),
    "responses raw": lambda c: _async_raw(c.responses, RESPONSE),
    "responses raw stream": lambda c: _async_raw_stream(c.responses, RESPONSE),
    "responses streaming": lambda c: _async_streaming(c.responses, RESPONSE),
    "responses streaming events": lambda c: _async_streaming_events(c.responses, RESPONSE),
    "embeddings raw": lambda c: _async_raw(c.embeddings, VECTORS),
    "embeddings streaming": lambda c: _async_streaming(c.embeddings, VECTORS),
}


@pytest.mark.parametrize("form", ASYNC_RAW)
def test_async_each_raw_form_gives_one_span(form: str, traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    assert run(ASYNC_RAW[form](async_client))
    assert attributes(traces.one())["gen_ai.response.model"].startswith(("gpt-4o", "text-embedding"))


# --- what the app took hold of before ----------------------------------------------------------------------------


def test_what_was_touched_before_is_seen_and_after_uninstrument_is_as_it_was(
    make_traces: Any, fake: Any, client: Any
) -> None:
    create = client.chat.completions.create
    raw = client.chat.completions.with_raw_response
    raw_create = raw.create
    streaming = client.responses.with_streaming_response.create
    vectors = client.embeddings.with_raw_response.create

    def use_all() -> None:
        create(**CHAT)
        raw.create(**CHAT).parse()
        raw_create(**CHAT).parse()
        with streaming(**RESPONSE) as response:
            response.parse()
        vectors(**VECTORS)

    use_all()
    traces = make_traces()
    use_all()
    assert len(traces.spans()) == 5
    kept = client.chat.completions.with_raw_response.create
    llmtrace.uninstrument()
    use_all()
    kept(**CHAT)
    assert len(traces.finished()) == 5


def test_async_what_was_touched_before_is_seen(make_traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    create = async_client.chat.completions.create
    raw = async_client.chat.completions.with_raw_response.create
    traces = make_traces()
    run(create(**CHAT))
    run(raw(**CHAT))
    assert len(traces.spans()) == 2


def test_a_stream_begun_before_uninstrument_ends_its_span_after(make_traces: Any, fake: Any, client: Any) -> None:
    traces = make_traces()
    stream = client.chat.completions.create(**CHAT, stream=True)
    llmtrace.uninstrument()
    assert len(list(stream)) > 1
    wait_for(traces.finished, what="the span of the stream")
    assert [attributes(span)["llmtrace.response.stream_end"] for span in traces.finished()] == ["completed"]


def test_the_module_s_own_client_is_seen(traces: Any, fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai, "api_key", "x")
    monkeypatch.setattr(openai, "base_url", f"{fake.base_url}/")
    monkeypatch.setattr(openai, "_client", None)
    openai.chat.completions.create(**CHAT)
    assert traces.one().name == "chat gpt-4o"


def test_copies_of_a_client_are_seen(traces: Any, fake: Any, client: Any) -> None:
    client.copy().chat.completions.create(**CHAT)
    client.with_options(timeout=5).chat.completions.create(**CHAT)
    assert len(traces.spans()) == 2


def test_each_page_of_a_list_is_one_call(traces: Any) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.query.decode())
        jobs = [{"id": f"job-{len(asked)}"}] if len(asked) < 3 else []  # an older client asks until there are none
        return httpx2.Response(200, json={"object": "list", "data": jobs, "has_more": len(asked) < 2})

    with _mocked(openai.OpenAI, answer) as client:
        assert [job.id for job in client.fine_tuning.jobs.list()] == ["job-1", "job-2"]
    assert [span.name for span in traces.spans()] == ["fine_tuning.jobs"] * len(asked)


# --- clients of the app's own ------------------------------------------------------------------------------------


def _mocked(of: Any, answer: Callable[[httpx2.Request], httpx2.Response], **options: Any) -> Any:
    http_client = httpx2.Client(transport=httpx2.MockTransport(answer))
    return of(**{"api_key": "x", "http_client": http_client, "max_retries": 0, **options})


class Own(openai.OpenAI):
    """Overrides what apps override."""

    seen: list[str]

    def request(self, *args: Any, **kwargs: Any) -> Any:
        self.seen.append("request")
        return super().request(*args, **kwargs)

    def post(self, *args: Any, **kwargs: Any) -> Any:
        self.seen.append("post")
        return super().post(*args, **kwargs)

    def _prepare_options(self, options: Any) -> Any:
        self.seen.append("options")
        return super()._prepare_options(options)


def test_a_client_that_overrides_methods_is_seen_once_and_runs_its_own(traces: Any, fake: Any) -> None:
    with Own(base_url=fake.base_url, api_key="x") as client:
        client.seen = []
        client.chat.completions.create(**CHAT)
        assert client.seen == ["post", "request", "options"]
    assert traces.one().name == "chat gpt-4o"


def test_a_client_that_answers_without_the_network_gives_its_own_answer(traces: Any) -> None:
    class Cached(openai.OpenAI):
        def request(self, *_: Any, **__: Any) -> Any:
            return "from the cache"

    with Cached(api_key="x") as client:
        assert client.chat.completions.create(**CHAT) == "from the cache"
    assert traces.spans() == []


def test_a_mock_in_place_of_create_is_called_as_it_is(traces: Any, client: Any) -> None:
    with mock.patch.object(client.chat.completions, "create", autospec=True, return_value="mocked") as create:
        assert client.chat.completions.create(**CHAT) == "mocked"
    create.assert_called_once_with(**CHAT)
    assert traces.spans() == []


# --- clients of the SDK for other hosts --------------------------------------------------------------------------


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def _azure_events() -> list[bytes]:
    def event(**fields: Any) -> bytes:
        return b"data: " + json.dumps({"object": "chat.completion.chunk", "created": 0, **fields}).encode() + b"\n\n"

    model = "gpt-4.1-mini-2025-04-14"
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    stop: Any = {"index": 0, "delta": {"content": "hey"}, "finish_reason": "stop"}
    return [
        event(id="", model="", choices=[], prompt_filter_results=[{"prompt_index": 0}]),
        event(id="c1", model=model, choices=[stop]),
        event(id="c1", model=model, choices=[], usage=usage),
        b"data: [DONE]\n\n",
    ]


def _azure_answer(request: httpx2.Request) -> httpx2.Response:
    assert request.url.path == "/openai/deployments/ours/chat/completions"
    headers = {"content-type": "text/event-stream", "apim-request-id": "a-1", "x-ms-region": "East US 2"}
    return httpx2.Response(200, headers=headers, stream=Pieces(_azure_events()))


AZURE: Any = {"api_key": "x", "api_version": "2024-10-21", "azure_endpoint": "https://ours.openai.azure.com"}


def _check_azure(traces: Any) -> None:
    found = attributes(traces.one())
    assert traces.one().name == "chat ours"
    assert found["gen_ai.provider.name"] == "azure.ai.openai"
    assert found["gen_ai.response.id"] == "c1"
    assert found["llmtrace.response.stream_end"] == "completed"
    assert (found["llmtrace.response.request_id"], found["llmtrace.response.region"]) == ("a-1", "East US 2")
    assert found["llmtrace.cost.usd"] == "0.00056"
    assert found["gen_ai.response.time_to_first_chunk"] < found["llmtrace.response.time_to_first_token"]


def test_a_stream_of_azure_begins_with_an_empty_chunk(traces: Any) -> None:
    with _mocked(openai.AzureOpenAI, _azure_answer, **AZURE) as client:
        list(client.chat.completions.create(model="ours", messages=MESSAGES, stream=True))
    _check_azure(traces)


def test_async_a_stream_of_azure_begins_with_an_empty_chunk(traces: Any, run: Any) -> None:
    async def call() -> None:
        http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(_azure_answer))
        async with openai.AsyncAzureOpenAI(http_client=http_client, **AZURE) as client:
            async for _ in await client.chat.completions.create(model="ours", messages=MESSAGES, stream=True):
                pass

    run(call())
    _check_azure(traces)


def _response_answer(request: httpx2.Request) -> httpx2.Response:
    assert request.url.path.endswith("/responses")
    body = {"id": "r1", "object": "response", "created_at": 1, "model": "gpt-4o", "status": "completed", "output": []}
    return httpx2.Response(200, json=body)


def _bedrock(**where: Any) -> Any:
    providers = pytest.importorskip("openai.providers")
    return {"provider": providers.bedrock(region="us-east-1", api_key="x", **where), "api_key": None}


def _vertex(location: str) -> Any:
    vertex = pytest.importorskip("openai.providers.vertex").vertex
    return {"provider": vertex(project="p", location=location, token_provider=lambda: "t"), "api_key": None}


@pytest.mark.parametrize(
    ("options", "provider", "host"),
    [
        (_bedrock, "aws.bedrock", "bedrock-mantle.us-east-1.api.aws"),
        pytest.param(
            lambda: _bedrock(endpoint="runtime"),
            "aws.bedrock",
            "bedrock-runtime.us-east-1.amazonaws.com",
            marks=needs_openai("3.54"),  # or some release since 3.0
        ),
        (lambda: _vertex("us-east1"), "gcp.vertex_ai", "us-east1-aiplatform.googleapis.com"),
        (lambda: _vertex("global"), "gcp.vertex_ai", "aiplatform.googleapis.com"),
        (lambda: {"base_url": "https://gateway.example/v1"}, "openai", "gateway.example"),
    ],
    ids=["bedrock mantle", "bedrock runtime", "vertex", "vertex global", "a gateway"],
)
def test_a_client_for_another_host_is_told_from_it(options: Any, provider: str, host: str, traces: Any) -> None:
    with _mocked(openai.OpenAI, _response_answer, **options()) as client:
        client.responses.create(**RESPONSE)
    found = attributes(traces.one())
    assert traces.one().name == "chat gpt-4o"
    assert (found["gen_ai.provider.name"], found["server.address"]) == (provider, host)
    assert found["gen_ai.response.id"] == "r1"


# --- the app's own objects ---------------------------------------------------------------------------------------


def test_a_generator_of_messages_reaches_the_server_whole(traces: Any, fake: Any, client: Any) -> None:
    messages = [{"role": "user", "content": str(number)} for number in range(3)]
    client.chat.completions.create(model="gpt-4o", messages=(message for message in messages))
    assert [request.body["messages"] for request in fake.requests] == [messages]
    with pytest.raises(TypeError, match="generator is not JSON"):  # as without us: `input` is no iterable to the client
        client.responses.create(model="gpt-4o", input=(message for message in messages))
    assert len(traces.spans()) == 2


def test_async_a_generator_of_messages_reaches_the_server_whole(
    traces: Any, fake: Any, async_client: Any, run: Any
) -> None:
    messages = [{"role": "user", "content": str(number)} for number in range(3)]
    run(async_client.chat.completions.create(model="gpt-4o", messages=(message for message in messages)))
    assert [request.body["messages"] for request in fake.requests] == [messages]


def _arguments() -> Any:
    return {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
        "metadata": {"a": "b"},
        "stream_options": {"include_usage": False},
        "extra_headers": {"x-a": "b"},
        "extra_query": {"c": "d"},
        "extra_body": {"custom": {"e": ["f"]}},
    }


def test_the_caller_s_objects_are_not_written_to(make_traces: Any, fake: Any, client: Any) -> None:
    make_traces(capture_content=True)
    given = _arguments()
    before = copy.deepcopy(given)
    list(client.chat.completions.create(**given, stream=True))
    assert given == before
    assert llmtrace.flush()
    assert given == before
    assert fake.requests[-1].body["stream_options"] == {"include_usage": False}


def test_async_the_caller_s_objects_are_not_written_to(
    make_traces: Any, fake: Any, async_client: Any, run: Any
) -> None:
    async def call(given: Any) -> None:
        async for _ in await async_client.chat.completions.create(**given, stream=True):
            pass

    make_traces(capture_content=True)
    given = _arguments()
    before = copy.deepcopy(given)
    run(call(given))
    assert llmtrace.flush()
    assert given == before


def test_what_is_returned_is_of_the_client_s_own_class(
    traces: Any, fake: Any, client: Any, async_client: Any, run: Any
) -> None:
    assert type(client.chat.completions.create(**CHAT)) is ChatCompletion
    assert type(run(async_client.chat.completions.create(**CHAT))) is ChatCompletion
    with client.chat.completions.create(**CHAT, stream=True) as stream:
        assert type(stream) is openai.Stream
        assert iter(stream) is not stream
        assert isinstance(stream.response, httpx2.Response)

    async def streams() -> None:
        async with await async_client.chat.completions.create(**CHAT, stream=True) as stream:
            assert type(stream) is openai.AsyncStream

    run(streams())
    assert asyncio.iscoroutinefunction(openai.AsyncOpenAI.request)


def test_a_request_of_five_megabytes_reaches_the_server_whole(traces: Any, fake: Any, client: Any) -> None:
    long = "a" * 5_000_000
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": long}])
    assert fake.requests[-1].body["messages"][0]["content"] == long
    assert traces.one().name == "chat gpt-4o"
