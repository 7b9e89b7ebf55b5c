"""Failed calls: the exception reaches the app unchanged, and the span tells what it was."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import openai
import pytest
from opentelemetry import trace

import llmtrace
from llmtrace import instrumentation
from support.releases import http as httpx2
from support.spans import attributes, failed

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "my secret"}]}


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (401, openai.AuthenticationError, "invalid_api_key"),
        (429, openai.RateLimitError, "rate_limit_exceeded"),
        (500, openai.InternalServerError, "server_error"),
    ],
)
def test_a_status_error_is_told_by_class_status_and_code(
    status: int, error: type[openai.APIStatusError], code: str, traces: Any, fake_and_client: Any
) -> None:
    fake, client = fake_and_client
    fake.fail_next(status)
    with pytest.raises(error) as raised:
        client.chat.completions.create(**CHAT, temperature=0.5)
    assert raised.value.status_code == status
    span = traces.one()
    found = attributes(span)
    assert failed(span)
    assert found["error.type"] == error.__name__
    assert found["http.response.status_code"] == status
    assert found["llmtrace.error.code"] == code
    assert found["gen_ai.request.temperature"] == 0.5
    assert "llmtrace.cost.usd" not in found
    assert "llmtrace.cost.unpriced_reason" not in found


def test_an_async_error_is_told_too(traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    fake.fail_next(429)
    with pytest.raises(openai.RateLimitError):
        run(async_client.chat.completions.create(**CHAT))
    assert attributes(traces.one())["error.type"] == "RateLimitError"


def test_a_call_that_succeeds_on_retry_is_one_good_span(traces: Any, fake: Any, client: Any) -> None:
    fake.fail_next(429, 500)
    client.with_options(max_retries=2).chat.completions.create(**CHAT)
    assert len(fake.requests) == 3
    assert not failed(traces.one())


def test_a_call_whose_retries_run_out_is_one_failed_span(traces: Any, fake: Any, client: Any) -> None:
    fake.fail_next(429, 429)
    with pytest.raises(openai.RateLimitError):
        client.with_options(max_retries=1).chat.completions.create(**CHAT)
    assert failed(traces.one())


def test_a_connection_error_keeps_what_was_sent(traces: Any, client: Any) -> None:
    with pytest.raises(openai.APIConnectionError):
        client.with_options(base_url="http://127.0.0.1:9/v1").chat.completions.create(**CHAT, seed=7)
    found = attributes(traces.one())
    assert found["error.type"] == "APIConnectionError"
    assert found["gen_ai.request.seed"] == 7
    assert "http.response.status_code" not in found


def test_a_cancelled_call_ends_its_span(traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    fake.latency_s = 5.0

    async def cancelled() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(async_client.chat.completions.create(**CHAT, seed=7), 0.1)

    try:
        run(cancelled())
    finally:
        fake.latency_s = 0.0
    found = attributes(traces.one())
    assert found["error.type"] == "CancelledError"
    assert found["gen_ai.request.seed"] == 7


def test_the_provider_s_message_stays_off_the_span_without_content_capture(traces: Any, fake: Any, client: Any) -> None:
    fake.fail_next(429)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(**CHAT)
    span = traces.one()
    assert span.status.description == "rate_limit_exceeded"
    assert not span.events
    assert "Rate limit reached" not in str(attributes(span))


def test_a_failed_response_is_an_error_although_nothing_is_raised(traces: Any) -> None:
    body = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "failed",
        "model": "gpt-4o-2024-08-06",
        "error": {"code": "server_error", "message": "gone"},
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=body))
    with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client:
        assert client.responses.create(model="gpt-4o", input="hi").status == "failed"
    span = traces.one()
    assert failed(span)
    assert attributes(span)["error.type"] == "server_error"
    assert attributes(span)["gen_ai.response.finish_reasons"] == ("error",)


def test_an_exception_whose_request_raises_ends_the_span_and_is_not_left_current(traces: Any) -> None:
    def token() -> str:
        raise httpx2.ConnectError("the identity provider is down")  # its .request property raises RuntimeError

    with openai.AzureOpenAI(
        azure_endpoint="https://r.openai.azure.com", api_version="2024-06-01", azure_ad_token_provider=token
    ) as client:
        with pytest.raises(httpx2.ConnectError):
            client.chat.completions.create(**CHAT)
        assert not trace.get_current_span().get_span_context().is_valid
    assert attributes(traces.one())["error.type"] == "ConnectError"


def test_a_fault_while_concluding_still_ends_the_span_and_leaves_it(
    traces: Any, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LLMTRACE_RAISE_INTERNAL_ERRORS")
    monkeypatch.setattr("llmtrace.seam._note_request", lambda *_: 1 / 0)
    fake.fail_next(500)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**CHAT)
    assert not trace.get_current_span().get_span_context().is_valid
    assert attributes(traces.one())["error.type"] == "InternalServerError"


def test_a_request_that_was_never_built_is_read_as_it_was_not_as_it_is_later(traces: Any) -> None:
    def token() -> str:
        raise ValueError("no token")

    stops = ["END"]
    llmtrace.uninstrument()
    llmtrace.instrument(traces.provider, export="none")
    active = instrumentation._active
    assert active is not None
    gate = threading.Event()
    active.worker.put(lambda: gate.wait(5) and None)
    with (
        openai.AzureOpenAI(azure_endpoint="https://r.test", api_version="1", azure_ad_token_provider=token) as client,
        pytest.raises(ValueError, match="no token"),
    ):
        client.post("/chat/completions", body={"model": "gpt-4o", "messages": [], "stop": stops}, cast_to=object)
    stops[0] = "later"
    gate.set()
    assert attributes(traces.one())["gen_ai.request.stop_sequences"] == ("END",)


@pytest.mark.parametrize("code", ["my secret prompt", "x" * 65, "code:1"])
def test_a_code_that_is_none_is_not_written(code: str, traces: Any) -> None:
    body = {"error": {"message": "bad", "type": code, "code": code}}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(400, json=body))
    with (
        openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client,
        pytest.raises(openai.BadRequestError),
    ):
        client.chat.completions.create(**CHAT)
    span = traces.one()
    assert "llmtrace.error.code" not in attributes(span)
    assert span.status.description is None
