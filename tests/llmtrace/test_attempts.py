"""Retries happen inside a call: each is an event on its span, with status and wait, and the lost time is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest

import llmtrace
from support.releases import http as httpx2
from support.spans import attributes, failed

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
GOOD: Any = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": []}
SOON = {"retry-after-ms": "1"}


def _events(span: Any) -> list[dict[str, Any]]:
    assert {event.name for event in span.events} <= {"llmtrace.retry"}
    return [dict(event.attributes) for event in span.events]


@contextmanager
def _answering(*answers: Any, max_retries: int = 5, of: Any = openai.OpenAI) -> Iterator[openai.OpenAI]:
    """A client whose transport gives these answers in turn; an exception is raised."""
    left = list(answers)

    def answer(request: httpx2.Request) -> httpx2.Response:
        given = left.pop(0)
        if isinstance(given, type):
            raise given("no answer", request=request)
        status, headers = given
        return httpx2.Response(status, headers=headers, json=GOOD if status < 400 else {"error": {"code": "busy"}})

    http_client = httpx2.Client(transport=httpx2.MockTransport(answer))
    with of(api_key="x", http_client=http_client, max_retries=max_retries) as client:
        yield client


def test_each_attempt_made_again_is_an_event_with_status_and_wait(traces: Any) -> None:
    answers = [(429, {"retry-after-ms": "20", "x-request-id": "req_1"}), (503, {"retry-after": "0.03"}), (200, {})]
    with _answering(*answers) as client:
        client.chat.completions.create(**CHAT)
    span = traces.one()
    assert not failed(span)
    assert _events(span) == [
        {
            "llmtrace.retry.attempt": 1,
            "llmtrace.retry.wait": 0.02,
            "error.type": "429",
            "http.response.status_code": 429,
            "llmtrace.response.request_id": "req_1",
        },
        {
            "llmtrace.retry.attempt": 2,
            "llmtrace.retry.wait": 0.03,
            "error.type": "503",
            "http.response.status_code": 503,
        },
    ]
    found = attributes(span)
    assert found["llmtrace.retry.count"] == 2
    assert 0.05 <= found["llmtrace.retry.lost_time"] <= (span.end_time - span.start_time) / 1e9
    assert span.start_time < span.events[0].timestamp < span.events[1].timestamp < span.end_time
    assert "http.response.status_code" not in found


def test_a_call_that_was_answered_at_once_tells_of_no_retries(traces: Any, fake: Any, client: Any) -> None:
    client.chat.completions.create(**CHAT)
    assert not traces.one().events
    assert [name for name in attributes(traces.one()) if "retry" in name] == []


def test_the_attempts_of_a_call_that_fails_in_the_end_are_told(traces: Any) -> None:
    with _answering((429, SOON), (500, SOON), (429, SOON), max_retries=2) as client, pytest.raises(openai.APIError):
        client.chat.completions.create(**CHAT)
    found = attributes(traces.one())
    assert [event["error.type"] for event in _events(traces.one())] == ["429", "500"]
    assert (found["error.type"], found["llmtrace.retry.count"]) == ("RateLimitError", 2)


def test_attempts_without_an_answer_are_told_by_the_class_of_their_error(traces: Any) -> None:
    with _answering(httpx2.ConnectError, httpx2.ReadTimeout, (200, {})) as client:
        client.chat.completions.create(**CHAT)
    events = _events(traces.one())
    assert [event["error.type"] for event in events] == ["ConnectError", "ReadTimeout"]
    assert all("http.response.status_code" not in event for event in events)
    assert all(0 < event["llmtrace.retry.wait"] <= 2 for event in events)


def test_a_connection_nobody_answers_is_tried_as_often_as_this_call_asks(traces: Any, client: Any) -> None:
    nobody = client.with_options(base_url="http://127.0.0.1:9/v1")
    with pytest.raises(openai.APIConnectionError):
        nobody.with_options(max_retries=1).chat.completions.create(**CHAT)
    assert attributes(traces.one())["llmtrace.retry.count"] == 1
    assert [event["error.type"] for event in _events(traces.one())] == ["ConnectError"]


def test_the_attempts_of_a_stream_are_told(traces: Any, fake: Any, client: Any) -> None:
    fake.fail_next(429)
    list(client.with_options(max_retries=1).chat.completions.create(**CHAT, stream=True))
    found = attributes(traces.one())
    assert found["llmtrace.retry.count"] == 1
    assert found["llmtrace.retry.lost_time"] < found["gen_ai.response.time_to_first_chunk"]


def test_a_call_made_inside_a_retried_one_keeps_its_attempts_to_itself(traces: Any) -> None:
    with _answering((429, SOON), (200, {}), (200, {})) as judge:

        class Asking(openai.OpenAI):
            def _prepare_options(self, options: Any) -> Any:
                judge.chat.completions.create(model="judge", messages=[])
                return super()._prepare_options(options)

        with _answering((503, SOON), (200, {}), of=Asking) as client:
            client.chat.completions.create(**CHAT)
    told = [(span.name, [event["error.type"] for event in _events(span)]) for span in traces.spans()]
    assert told == [("chat judge", ["429"]), ("chat judge", []), ("chat gpt-4o", ["503"])]


def test_async_attempts_are_told(traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    fake.fail_next(429, 500)
    run(async_client.with_options(max_retries=2).chat.completions.create(**CHAT))
    events = _events(traces.one())
    assert [event["error.type"] for event in events] == ["429", "500"]
    assert events[0]["llmtrace.retry.wait"] == 0.02
    assert events[0]["llmtrace.response.request_id"].startswith("req_")
    assert attributes(traces.one())["llmtrace.retry.count"] == 2


def test_async_calls_at_the_same_time_keep_their_attempts_apart(traces: Any, run: Any) -> None:
    tried: dict[str, int] = {}

    async def answer(request: httpx2.Request) -> httpx2.Response:
        path = str(request.url)
        tried[path] = tried.get(path, 0) + 1
        await asyncio.sleep(0)
        fails = tried[path] <= int(request.url.params["fails"])
        return httpx2.Response(429 if fails else 200, headers=SOON, json={} if fails else GOOD)

    async def all_of_them() -> None:
        http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        async with openai.AsyncOpenAI(api_key="x", http_client=http_client, max_retries=9) as client:
            calls = (client.chat.completions.create(**CHAT, seed=n, extra_query={"fails": n}) for n in range(5))
            await asyncio.gather(*calls)

    run(all_of_them())
    told = {attributes(span)["gen_ai.request.seed"]: len(span.events) for span in traces.spans()}
    assert told == {0: 0, 1: 1, 2: 2, 3: 3, 4: 4}


def test_async_a_call_cancelled_while_it_waits_lost_all_its_time(traces: Any, run: Any) -> None:
    asked: list[object] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(429, headers={"retry-after": "50"}, json={})

    async def cancelled() -> None:
        http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(answer))
        async with openai.AsyncOpenAI(api_key="x", http_client=http_client) as client:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.chat.completions.create(**CHAT), 0.1)

    run(cancelled())
    span = traces.one()
    found = attributes(span)
    assert len(asked) == 1
    assert found["error.type"] == "CancelledError"
    assert _events(span)[0]["llmtrace.retry.wait"] == 50
    assert found["llmtrace.retry.lost_time"] == pytest.approx((span.end_time - span.start_time) / 1e9, rel=0.05)


def test_a_client_that_no_longer_asks_how_long_to_wait_is_seen_without_its_retries(
    traces: Any, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    llmtrace.uninstrument()
    monkeypatch.setattr("llmtrace.seam._WAIT", "_asked_otherwise")
    llmtrace.instrument(traces.provider, export="none")
    fake.fail_next(429)
    client.with_options(max_retries=1).chat.completions.create(**CHAT)
    span = traces.one()
    assert not span.events
    assert "llmtrace.retry.count" not in attributes(span)
    assert attributes(span)["gen_ai.response.model"] == "gpt-4o-2024-08-06"


def test_uninstrument_puts_the_client_s_own_wait_back(fake: Any, client: Any) -> None:
    before = openai.OpenAI._calculate_retry_timeout
    llmtrace.instrument(export="none")
    assert openai.OpenAI._calculate_retry_timeout is not before
    llmtrace.uninstrument()
    assert openai.OpenAI._calculate_retry_timeout is before
