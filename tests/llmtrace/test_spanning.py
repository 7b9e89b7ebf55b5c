"""`llmtrace.span`: the app's own functions, tools, retrieval, agents and workflows, of every kind of function."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from inline_snapshot import snapshot
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import llmtrace
from llmtrace.plain_copies import plain_copy
from llmtrace.testing import Captured, capture, frozen_clock
from support.collectors import Collector
from support.waiting import wait_for

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture() as made:
        yield made


@pytest.fixture
def telling() -> Iterator[Captured]:
    """With content."""
    with capture(capture_content=True) as made:
        yield made


@pytest.fixture(autouse=True)
def _sdk_logs_nothing(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG, "opentelemetry")
    yield
    assert [record.getMessage() for record in caplog.records if record.name.startswith("opentelemetry")] == []


@llmtrace.span(kind="tool")
def weather(city: str, *, unit: str = "C") -> dict[str, Any]:
    """What the weather is like.

    At some length.
    """
    return {"city": city, "degrees": 21, "unit": unit}


def test_an_agent_its_plan_tools_retrieval_and_calls_are_one_tree_with_the_names_of_the_conventions(
    captured: Captured, fake: Any, client: Any
) -> None:
    @llmtrace.span
    def rank() -> None: ...

    @llmtrace.span("helper", kind="agent")
    def helper() -> None:
        with llmtrace.span("helper", kind="plan"):
            client.chat.completions.create(**CHAT)
        with llmtrace.span("handbook", kind="retrieval"):
            client.embeddings.create(model="text-embedding-3-small", input="hi")
            rank()
        weather("Paris")

    @llmtrace.span("support", kind="workflow")
    def support() -> None:
        with llmtrace.context(user="u-1"):
            helper()

    support()
    tree = captured.tree("gen_ai.operation.name", "user.id")
    assert tree.replace(rank.__qualname__.replace("<locals>.", ""), "RANK") == snapshot(
        """\
invoke_workflow support  gen_ai.operation.name='invoke_workflow'
  invoke_agent helper  gen_ai.operation.name='invoke_agent'  user.id='u-1'
    plan helper  gen_ai.operation.name='plan'  user.id='u-1'
      chat gpt-4o  gen_ai.operation.name='chat'  user.id='u-1'
    retrieval handbook  gen_ai.operation.name='retrieval'  user.id='u-1'
      embeddings text-embedding-3-small  gen_ai.operation.name='embeddings'  user.id='u-1'
      RANK  user.id='u-1'
    execute_tool weather  gen_ai.operation.name='execute_tool'  user.id='u-1'\
"""
    )
    kinds = {span.name: span.kind for span in captured.spans()}
    assert kinds["retrieval handbook"] == "client"
    assert {kind for name, kind in kinds.items() if name.startswith(("invoke", "execute", "plan"))} == {"internal"}


def test_a_tool_says_what_it_is_and_nothing_of_what_it_is_given(captured: Captured) -> None:
    assert weather("Paris", unit="F")["unit"] == "F"
    found = captured.one()
    assert found.attributes == snapshot(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "weather",
            "code.function.name": f"{__name__}.weather",
            "gen_ai.tool.type": "function",
            "gen_ai.tool.description": "What the weather is like.",
        }
    )
    assert found.status == "unset"


def test_arguments_and_results_are_told_when_content_is_captured(telling: Captured) -> None:
    weather("Paris")
    with llmtrace.span("handbook", kind="retrieval") as found:
        found.set_input("Why?")
        found.set_output([{"id": "d-1", "score": 0.9}])
    with llmtrace.span("rerank") as block:
        block.set_input([1, 2])
        block.set_attributes({"app.model": "small"})
    tool, retrieval, function = telling.spans()
    assert json.loads(str(tool.attributes["gen_ai.tool.call.arguments"])) == {"city": "Paris"}
    assert json.loads(str(tool.attributes["gen_ai.tool.call.result"]))["degrees"] == 21
    assert retrieval.attributes["gen_ai.retrieval.query.text"] == "Why?"
    assert retrieval.attributes["gen_ai.retrieval.documents"] == '[{"id":"d-1","score":0.9}]'
    assert (function.attributes["llmtrace.span.input"], function.attributes["app.model"]) == ("[1,2]", "small")


def test_what_is_told_of_own_spans_is_redacted_as_all_content_is() -> None:
    @llmtrace.span(attributes={"app.to": "a@example.com"})
    def send(to: str) -> str:
        raise ValueError(to)

    with capture(capture_content=True, redact="email") as telling:
        with llmtrace.context(user="b@example.com"), pytest.raises(ValueError, match="example"):
            send("c@example.com")
        found = telling.one()
    assert found.status == "error"
    assert "example.com" not in f"{found.attributes} {found.status_message}"


def test_a_secret_function_tells_nothing_even_when_content_is_captured(telling: Captured) -> None:
    @llmtrace.span(capture=False)
    def login(password: str) -> str:
        raise ValueError(password)

    with pytest.raises(ValueError, match="hunter2"):
        login("hunter2")
    assert "hunter2" not in str(telling.one().attributes)


def test_methods_tell_their_arguments_without_self(telling: Captured) -> None:
    class Shop:
        @llmtrace.span
        def price(self, item: str) -> int:
            return len(item)

        @llmtrace.span
        @classmethod
        def of(cls, name: str) -> str:
            return cls.__name__ + name

        @staticmethod
        @llmtrace.span
        def plain(x: int) -> int:
            return x

    assert (Shop().price("tea"), Shop.of("!"), Shop.plain(3)) == (3, "Shop!", 3)
    inputs = [span.attributes["llmtrace.span.input"] for span in telling.spans()]
    assert inputs == ['{"item":"tea"}', '{"name":"!"}', '{"x":3}']


class BrokenError(Exception):
    pass


def test_an_exception_goes_through_as_it_is_and_is_on_the_span(captured: Captured) -> None:
    error = BrokenError("secret")

    @llmtrace.span(kind="tool")
    def fails() -> None:
        raise error

    with pytest.raises(BrokenError) as raised:
        fails()
    assert raised.value is error
    found = captured.one()
    assert (found.status, found.status_message, found.attributes["error.type"]) == ("error", None, "BrokenError")
    with pytest.raises(BrokenError), llmtrace.span("block"):
        raise error
    assert captured.one("block").attributes["error.type"] == "BrokenError"


def test_async_functions_and_async_with_do_the_same(captured: Captured) -> None:
    @llmtrace.span(kind="agent")
    async def helper(name: str) -> str:
        async with llmtrace.span("inner"):
            await asyncio.sleep(0)
        return name

    async def both() -> list[str]:
        return await asyncio.gather(helper("a"), helper("b"))

    assert inspect.iscoroutinefunction(helper)
    assert asyncio.run(both()) == ["a", "b"]
    assert captured.tree() == "invoke_agent helper\n  inner\ninvoke_agent helper\n  inner"


def test_a_cancelled_task_is_an_error_of_that_name(captured: Captured) -> None:
    @llmtrace.span
    async def waits() -> None:
        await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert captured.one().attributes["error.type"] == "CancelledError"


def test_a_generator_s_span_is_current_while_it_runs_and_ends_with_it(captured: Captured) -> None:
    @llmtrace.span("count")
    def counts(to: int) -> Generator[int, str, str]:
        for at in range(to):
            with llmtrace.span(f"step {at}"):
                pass
            yield at
        return "done"

    def all_of_it() -> Generator[int, str, None]:
        assert (yield from counts(2)) == "done"

    outside = trace.get_current_span()
    for at in all_of_it():
        assert trace.get_current_span() is outside
        assert [span.name for span in captured.spans() if span.name == "count"] == [], at
    assert captured.tree() == "count\n  step 0\n  step 1"


def test_generators_whose_steps_alternate_are_parents_of_their_own_children_only(captured: Captured) -> None:
    @llmtrace.span
    def counts(name: str) -> Iterator[None]:
        for _ in range(2):
            with llmtrace.span(name):
                pass
            yield

    a, b = counts("a"), counts("b")
    for steps in (a, b, a, b):
        next(steps)
    a.close()  # type: ignore[attr-defined]  # a generator
    b.close()  # type: ignore[attr-defined]  # a generator
    parents = {(span.name, span.parent_id) for span in captured.spans() if span.name in ("a", "b")}
    assert len(parents) == 2
    assert {span.status for span in captured.spans()} == {"unset"}, "closed early is no error"


@pytest.mark.parametrize("how", ["closed", "collected", "closed in another task", "consumed in another task"])
def test_an_async_generator_that_ends_elsewhere_has_one_span(how: str, captured: Captured) -> None:
    @llmtrace.span("stream")
    async def stream() -> AsyncIterator[int]:
        with llmtrace.span("inside"):
            yield 1
            yield 2

    async def consume() -> None:
        steps: Any = stream()
        assert await anext(steps) == 1
        if how == "closed":
            await steps.aclose()
        elif how == "closed in another task":
            await asyncio.create_task(steps.aclose())
        elif how == "consumed in another task":
            assert await asyncio.create_task(steps.__anext__()) == 2
            await steps.aclose()
        else:
            del steps
            gc.collect()
            for _ in range(5):  # the loop closes it, in steps of its own
                await asyncio.sleep(0)

    asyncio.run(consume())
    assert captured.tree() == "stream\n  inside"
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_generator_that_another_context_finishes_is_not_worth_a_line_of_the_sdk(captured: Captured) -> None:
    def steps() -> Iterator[None]:
        with llmtrace.span("inside"):
            yield

    begun = steps()
    contextvars.copy_context().run(next, begun)
    begun.close()  # type: ignore[attr-defined]  # a generator
    assert captured.tree() == "inside"


def test_blocks_that_end_in_any_order_leave_nothing_current(captured: Captured) -> None:
    a, b = llmtrace.span("a"), llmtrace.span("b")
    a.__enter__()
    b.__enter__()
    a.__exit__(None, None, None)
    b.__exit__(None, None, None)
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert captured.tree() == "a\n  b"


def test_nothing_but_the_call_happens_without_instrumentation() -> None:
    with llmtrace.span("block", kind="tool") as block:
        block.set_attributes({"gen_ai.wrong": object()})  # type: ignore[dict-item]  # wrong on purpose
        block.set_input("x")
        block.set_output("y")
        assert trace.get_current_span() is trace.INVALID_SPAN
    assert weather("Paris")["city"] == "Paris"

    @llmtrace.span
    async def stream() -> AsyncIterator[int]:
        yield 1

    async def consume() -> list[int]:
        return [item async for item in stream()]

    assert asyncio.run(consume()) == [1]


def test_suppressed_instrumentation_holds_for_the_app_s_own_spans(captured: Captured) -> None:
    token = otel_context.attach(otel_context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
    with llmtrace.span("block"):
        weather("Paris")
    otel_context.detach(token)
    assert captured.spans() == []


def test_an_unsampled_block_is_current_all_the_same(fake: Any, client: Any) -> None:
    llmtrace.instrument(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False), export="none")
    with llmtrace.span("block"):
        assert trace.get_current_span().get_span_context().is_valid
        assert not trace.get_current_span().get_span_context().trace_flags.sampled
    assert llmtrace.flush()


@pytest.mark.parametrize(
    ("arguments", "named", "error", "sentence"),
    [
        ((), {"kind": "tol"}, ValueError, r"span\(kind='tol'\): write one of function, tool, retrieval"),
        ((7,), {}, TypeError, r"span\(7\): give a name, or a function"),
        (("a",), {"attributes": {"gen_ai.x": 1}}, ValueError, r"span\(attributes=...\): .* choose another"),
    ],
)
def test_a_wrong_argument_is_named_with_what_to_write(
    arguments: Any, named: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        llmtrace.span(*arguments, **named)


def test_a_wrong_attribute_set_while_it_runs_is_said_and_left_out(
    captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    with llmtrace.span("block") as block:
        block.set_attributes({"gen_ai.request.model": "x"})
        block.set_attributes({"app.x": 1})
    assert captured.one().attributes == {"app.x": 1}
    assert "has a meaning already" in caplog.text


def test_the_signature_is_kept_for_people_and_for_type_checkers() -> None:
    typed: Callable[..., dict[str, Any]] = weather
    assert str(inspect.signature(typed)) == "(city: 'str', *, unit: 'str' = 'C') -> 'dict[str, Any]'"
    assert inspect.isasyncgenfunction(llmtrace.span(_async_numbers))
    assert inspect.isgeneratorfunction(llmtrace.span(_numbers))


async def _async_numbers() -> AsyncIterator[int]:
    yield 1


def _numbers() -> Iterator[int]:
    yield 1


def test_times_are_those_of_the_clock(captured: Captured) -> None:
    with frozen_clock() as clock, llmtrace.span("block"):
        clock.advance(0.5)
    assert captured.one().duration_s == 0.5


def test_a_span_that_is_open_at_a_fork_stays_the_parent_s(captured: Captured) -> None:
    with llmtrace.span("boot"):
        child = os.fork()
        if child == 0:
            with llmtrace.span("in the child"):
                pass
    if child == 0:
        code = 1
        try:
            code = 0 if captured.tree() == "in the child" else 2
        finally:
            os._exit(code)
    assert wait_for(lambda: (done := os.waitpid(child, os.WNOHANG))[0] and done, 20, what="the child")[1] == 0
    assert captured.tree() == "boot"


AT_EXIT = """
import sys, llmtrace
llmtrace.instrument(endpoint=sys.argv[1])

@llmtrace.span
def numbers():
    yield 1
    yield 2

kept = numbers()
next(kept)
"""


@pytest.mark.processes
def test_a_generator_that_is_open_at_the_end_of_the_process_is_ended_and_sent(collector: Collector) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_EXIT, collector.url], check=True, capture_output=True, text=True, timeout=30
    )
    assert [name for _, _, name in collector.spans()] == ["numbers"]
    assert done.stderr == ""


@dataclass
class Point:
    x: int
    secret: object

    def __repr__(self) -> str:
        raise AssertionError("the user's code is not run")


class Odd(dict[str, int]):
    def items(self) -> Any:
        raise AssertionError("the user's code is not run")


def test_a_copy_of_what_goes_in_is_plain_bounded_and_runs_no_code_of_the_user() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert plain_copy({"a": (1, 2.5, None, True), 3: b"abc", "p": Point(1, object()), "o": Odd(a=1)}) == {
        "a": [1, 2.5, None, True],
        "3": "[llmtrace: 3 bytes left out]",
        "p": {"x": 1, "secret": "<object>"},
        "o": "<Odd>",
    }
    assert len(json.dumps(plain_copy(endless))) < 100
    assert len(json.dumps(plain_copy(list(range(10_000_000))))) < 20_000
    assert len(json.dumps(plain_copy(["x" * 1_000_000] * 3))) < 100_200
