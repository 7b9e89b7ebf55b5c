"""Coroutines that are not awaited as usual: finished, failed or closed in another context than they began in."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import openai
import pytest
from opentelemetry import trace

from llmtrace import seam
from support.releases import http as httpx2
from support.scripted import chat_body
from support.spans import attributes, failed

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


class _Pause:
    def __await__(self) -> Generator[None, None, None]:
        yield


async def _answer(_: httpx2.Request) -> httpx2.Response:
    await _Pause()
    return httpx2.Response(200, json=chat_body({"content": "hey"}))


@pytest.fixture
def begun(traces: Any, run: Any) -> Callable[[Callable[[Coroutine[Any, Any, Any]], None]], None]:
    """Hands a test a call that nobody has begun to await, inside a running loop."""

    def with_call(test: Callable[[Coroutine[Any, Any, Any]], None]) -> None:
        async def inside() -> None:
            http_client = httpx2.AsyncClient(transport=httpx2.MockTransport(_answer))
            async with openai.AsyncOpenAI(api_key="x", max_retries=0, http_client=http_client) as client:
                await client.models.list()  # what the client does but once may await more than our pause
                test(client.chat.completions.create(**CHAT))

        run(inside())

    return with_call


def _finish(call: Coroutine[Any, Any, Any]) -> Any:
    try:
        while True:
            call.send(None)
    except StopIteration as end:
        return end.value


def test_a_call_finished_in_another_context_gives_its_answer(begun: Any, traces: Any) -> None:
    def test(call: Coroutine[Any, Any, Any]) -> None:
        contextvars.copy_context().run(call.send, None)
        assert contextvars.copy_context().run(_finish, call).choices[0].message.content == "hey"
        assert not trace.get_current_span().get_span_context().is_valid

    begun(test)
    assert [span.name for span in traces.spans()] == ["models", "chat gpt-4o"]


def test_what_is_thrown_into_a_call_in_another_context_comes_out_as_it_is(begun: Any, traces: Any) -> None:
    def test(call: Coroutine[Any, Any, Any]) -> None:
        contextvars.copy_context().run(call.send, None)
        with pytest.raises(asyncio.CancelledError, match="of the app"):
            contextvars.copy_context().run(call.throw, asyncio.CancelledError("of the app"))

    begun(test)
    assert failed(traces.spans()[-1])
    assert attributes(traces.spans()[-1])["error.type"] == "CancelledError"


def test_a_call_closed_where_it_began_is_not_left_current(begun: Any, traces: Any) -> None:
    def test(call: Coroutine[Any, Any, Any]) -> None:
        call.send(None)
        assert trace.get_current_span().get_span_context().is_valid
        call.close()
        assert not trace.get_current_span().get_span_context().is_valid
        assert seam._in_flight.get() is None

    begun(test)
    assert attributes(traces.spans()[-1])["error.type"] == "GeneratorExit"


def test_a_call_closed_below_a_span_of_the_app_leaves_that_current(begun: Any, traces: Any) -> None:
    def test(call: Coroutine[Any, Any, Any]) -> None:
        call.send(None)
        with traces.provider.get_tracer("app").start_as_current_span("step") as step:
            call.close()
            assert trace.get_current_span() is step

    begun(test)
    assert {span.name for span in traces.spans()} == {"models", "chat gpt-4o", "step"}
