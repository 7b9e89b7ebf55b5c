"""Every form of a call that the client offers passes the seam and gives one honest span."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from pydantic import BaseModel

from llmtrace.testing import FakeReply
from llmtrace.testing.replies import responses_body
from support.releases import http as httpx2
from support.spans import attributes

MESSAGES: Any = [{"role": "user", "content": "What is the answer?"}]
CHAT: Any = {"model": "gpt-4o", "messages": MESSAGES}
RESPONSE: Any = {"model": "gpt-4o", "input": "What is the answer?"}


class Answer(BaseModel):
    answer: int


def _chat_stream(client: openai.OpenAI) -> list[Any]:
    return list(client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True}))


def _chat_stream_helper(client: openai.OpenAI) -> Any:
    with client.chat.completions.stream(**CHAT, stream_options={"include_usage": True}) as stream:
        return stream.get_final_completion()


def _chat_raw_stream(client: openai.OpenAI) -> list[Any]:
    raw = client.chat.completions.with_raw_response.create(**CHAT, stream=True, stream_options={"include_usage": True})
    return list(raw.parse())


def _chat_streaming_response(client: openai.OpenAI) -> Any:
    with client.chat.completions.with_streaming_response.create(**CHAT) as response:
        return response.parse()


def _chat_streaming_response_lines(client: openai.OpenAI) -> list[str]:
    with client.chat.completions.with_streaming_response.create(
        **CHAT, stream=True, stream_options={"include_usage": True}
    ) as response:
        return list(response.iter_lines())


def _responses_stream_helper(client: openai.OpenAI) -> Any:
    with client.responses.stream(**RESPONSE) as stream:
        return stream.get_final_response()


SYNC_FORMS: dict[str, tuple[Callable[[openai.OpenAI], Any], bool]] = {
    "chat create": (lambda c: c.chat.completions.create(**CHAT), False),
    "chat parse": (lambda c: c.chat.completions.parse(**CHAT, response_format=Answer), False),
    "chat raw": (lambda c: c.chat.completions.with_raw_response.create(**CHAT).parse(), False),
    "chat stream": (_chat_stream, True),
    "chat stream helper": (_chat_stream_helper, True),
    "chat raw stream": (_chat_raw_stream, True),
    "chat streaming response": (_chat_streaming_response, False),
    "chat streaming response, streamed": (_chat_streaming_response_lines, True),
    "responses create": (lambda c: c.responses.create(**RESPONSE), False),
    "responses parse": (lambda c: c.responses.parse(**RESPONSE, text_format=Answer), False),
    "responses raw": (lambda c: c.responses.with_raw_response.create(**RESPONSE).parse(), False),
    "responses stream": (lambda c: list(c.responses.create(**RESPONSE, stream=True)), True),
    "responses stream helper": (_responses_stream_helper, True),
}


@pytest.mark.parametrize("form", SYNC_FORMS)
def test_each_sync_form_gives_one_span_with_model_and_tokens(form: str, traces: Any, fake: Any, client: Any) -> None:
    call, streamed = SYNC_FORMS[form]
    fake.plan = lambda _: FakeReply(text='{"answer": 42}', input_tokens=30, output_tokens=8, cached_tokens=10)
    assert call(client)
    _check_span(traces.one(), streamed, fake)


async def _async_chat(client: openai.AsyncOpenAI) -> Any:
    return await client.chat.completions.create(**CHAT)


async def _async_parse(client: openai.AsyncOpenAI) -> Any:
    return await client.chat.completions.parse(**CHAT, response_format=Answer)


async def _async_raw(client: openai.AsyncOpenAI) -> Any:
    return (await client.chat.completions.with_raw_response.create(**CHAT)).parse()


async def _async_stream(client: openai.AsyncOpenAI) -> list[Any]:
    stream = await client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True})
    return [chunk async for chunk in stream]


async def _async_stream_helper(client: openai.AsyncOpenAI) -> Any:
    async with client.chat.completions.stream(**CHAT, stream_options={"include_usage": True}) as stream:
        return await stream.get_final_completion()


async def _async_streaming_response(client: openai.AsyncOpenAI) -> Any:
    async with client.chat.completions.with_streaming_response.create(**CHAT) as response:
        return await response.parse()


async def _async_response(client: openai.AsyncOpenAI) -> Any:
    return await client.responses.create(**RESPONSE)


async def _async_response_stream(client: openai.AsyncOpenAI) -> list[Any]:
    return [event async for event in await client.responses.create(**RESPONSE, stream=True)]


ASYNC_FORMS: dict[str, tuple[Callable[[openai.AsyncOpenAI], Any], bool]] = {
    "chat create": (_async_chat, False),
    "chat parse": (_async_parse, False),
    "chat raw": (_async_raw, False),
    "chat stream": (_async_stream, True),
    "chat stream helper": (_async_stream_helper, True),
    "chat streaming response": (_async_streaming_response, False),
    "responses create": (_async_response, False),
    "responses stream": (_async_response_stream, True),
}


@pytest.mark.parametrize("form", ASYNC_FORMS)
def test_each_async_form_gives_one_span_with_model_and_tokens(
    form: str, traces: Any, fake: Any, async_client: Any, run: Any
) -> None:
    call, streamed = ASYNC_FORMS[form]
    fake.plan = lambda _: FakeReply(text='{"answer": 42}', input_tokens=30, output_tokens=8, cached_tokens=10)
    assert run(call(async_client))
    _check_span(traces.one(), streamed, fake)


def _check_span(span: Any, streamed: bool, fake: Any) -> None:
    found = attributes(span)
    assert span.name == "chat gpt-4o"
    assert span.kind is SpanKind.CLIENT
    assert span.instrumentation_scope.name == "llmtrace"
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.request.model"] == "gpt-4o"
    assert found["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert found["gen_ai.usage.input_tokens"] == 30
    assert found["gen_ai.usage.output_tokens"] == 8
    assert found["gen_ai.usage.cache_read.input_tokens"] == 10
    # 20 x 2.5 + 10 x 1.25 + 8 x 10 dollars a million
    assert found["llmtrace.cost.usd"] == "0.0001425"
    assert found["server.address"] == "127.0.0.1"
    assert f":{found['server.port']}/" in fake.base_url
    assert ("gen_ai.request.stream" in found) == streamed
    assert ("gen_ai.response.time_to_first_chunk" in found) == streamed
    assert span.end_time > span.start_time


def test_embeddings_give_tokens_and_cost(traces: Any, fake: Any, client: Any) -> None:
    fake.plan = lambda _: FakeReply(input_tokens=500)
    vectors = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=4).data
    assert [len(vector.embedding) for vector in vectors] == [4, 4]
    found = attributes(traces.one())
    assert traces.one().name == "embeddings text-embedding-3-small"
    assert found["gen_ai.embeddings.dimension.count"] == 4
    assert found["gen_ai.usage.input_tokens"] == 500
    assert "gen_ai.usage.output_tokens" not in found
    assert found["llmtrace.cost.usd"] == "0.00001"


@pytest.mark.parametrize("streamed", [False, True])
def test_legacy_completions_are_text_completion(streamed: bool, traces: Any, fake: Any, client: Any) -> None:
    options: Any = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {}
    fake.plan = lambda _: FakeReply(input_tokens=8, output_tokens=16, finish_reason="length")
    answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Once upon a time", **options)
    if streamed:
        list(answer)
    found = attributes(traces.one())
    assert traces.one().name == "text_completion gpt-3.5-turbo-instruct"
    assert found["gen_ai.response.finish_reasons"] == ("length",)
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (8, 16)
    assert found["llmtrace.cost.usd"] == "0.000044"


def test_another_path_gives_a_generic_span_without_ids(traces: Any, fake: Any, client: Any) -> None:
    with pytest.raises(openai.NotFoundError):
        client.files.content("file-abc123")
    with pytest.raises(openai.NotFoundError):
        client.models.list()
    assert [span.name for span in traces.spans()] == ["files.content", "models"]


def test_a_multipart_call_is_seen_and_not_read(traces: Any, fake: Any, client: Any) -> None:
    with pytest.raises(openai.NotFoundError):
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF" * 100))
    assert traces.one().name == "audio.transcriptions whisper-1"


def test_fetching_a_stored_response_does_not_count_its_tokens_again(traces: Any) -> None:
    stored = responses_body({"model": "gpt-4o"}, FakeReply(input_tokens=30, output_tokens=8))
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=stored))
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client:
        usage = client.responses.retrieve("resp_123").usage
    assert usage is not None
    assert usage.input_tokens == 30
    found = attributes(traces.one())
    assert traces.one().name == "fetch_response"
    assert [name for name in found if "usage" in name or "cost" in name] == []


def test_a_call_of_another_server_is_told_from_its_own_url(traces: Any) -> None:
    body = {"id": "c1", "object": "chat.completion", "created": 1, "model": "llama-3.3-70b-versatile", "choices": []}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=body))
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client:
        client.post("https://api.groq.com/openai/v1/chat/completions", body={"model": "llama"}, cast_to=object)
    found = attributes(traces.one())
    assert (found["gen_ai.provider.name"], found["server.address"]) == ("groq", "api.groq.com")
    assert found["gen_ai.response.model"] == "llama-3.3-70b-versatile"


def test_a_search_of_a_vector_store_is_retrieval(traces: Any, fake: Any, client: Any) -> None:
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.search("vs_1", query="hi")
    assert traces.one().name == "retrieval"


def test_the_stream_is_the_very_class_the_client_makes(traces: Any, fake: Any, client: Any) -> None:
    with client.chat.completions.create(**CHAT, stream=True) as stream:
        assert type(stream) is openai.Stream


def test_http_spans_hang_below_the_call_and_the_call_below_its_parent(traces: Any, fake: Any, client: Any) -> None:
    seen: list[Any] = []
    tracer = traces.provider.get_tracer("app")
    http_client = openai.DefaultHttpxClient(
        event_hooks={"request": [lambda _request: seen.append(trace.get_current_span().get_span_context())]}
    )
    with client.with_options(http_client=http_client) as hooked, tracer.start_as_current_span("parent") as parent:
        hooked.chat.completions.create(**CHAT)
        assert trace.get_current_span() is parent
    call = next(span for span in traces.spans() if span.name.startswith("chat"))
    assert seen == [call.context]
    assert call.parent.span_id == parent.get_span_context().span_id


def test_a_tool_call_is_told_by_its_finish_reason_on_either_api(traces: Any, fake: Any, client: Any) -> None:
    fake.plan = lambda _: FakeReply(tool=("find_order", {"order": "A-1"}))
    client.chat.completions.create(**CHAT)
    client.responses.create(**RESPONSE)
    assert [attributes(span)["gen_ai.response.finish_reasons"] for span in traces.spans()] == [("tool_calls",)] * 2


def test_a_truncated_response_tells_length(traces: Any, fake: Any, client: Any) -> None:
    fake.plan = lambda _: FakeReply(finish_reason="length")
    client.responses.create(**RESPONSE)
    found = attributes(traces.one())
    assert found["gen_ai.response.finish_reasons"] == ("length",)
    assert found["llmtrace.response.status"] == "incomplete"


def test_an_azure_deployment_is_priced_by_the_model_that_answers(traces: Any) -> None:
    body = {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4.1-mini-2025-04-14",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=body))
    with openai.AzureOpenAI(
        api_key="x",
        api_version="2024-10-21",
        azure_endpoint="https://ours.openai.azure.com",
        http_client=httpx2.Client(transport=transport),
    ) as client:
        client.chat.completions.create(model="our-deployment", messages=MESSAGES)
    found = attributes(traces.one())
    assert traces.one().name == "chat our-deployment"
    assert found["gen_ai.provider.name"] == "azure.ai.openai"
    assert found["server.address"] == "ours.openai.azure.com"
    assert found["llmtrace.cost.price_model"] == "azure/gpt-4.1-mini"
    assert found["llmtrace.cost.usd"] == "0.00056"
