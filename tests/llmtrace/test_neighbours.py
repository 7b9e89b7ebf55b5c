"""Other instrumentations of the same calls, as spans of the shape theirs have; and other wrappers, before and after."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import openai
import pytest
import wrapt
from openai import _base_client
from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind

import llmtrace
from llmtrace.testing import capture

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
# As they are on their current spans while the client runs, tried with the packages themselves.
THEIRS = {
    "opentelemetry-instrumentation-genai-openai": {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"},
    "traceloop": {"gen_ai.operation.name": "chat", "gen_ai.is_streaming": "False"},
    "older traceloop": {"llm.request.type": "chat", "gen_ai.system": "openai"},
    "openinference": {"openinference.span.kind": "LLM", "llm.system": "openai"},
}
OTHERS = {
    "a framework's step": {"gen_ai.operation.name": "invoke_agent"},
    "a chain": {"openinference.span.kind": "CHAIN"},
    "another call": {"gen_ai.operation.name": "embeddings"},
    "a request of the app": {"http.request.method": "POST"},
}


@pytest.mark.parametrize("theirs", THEIRS.values(), ids=THEIRS.keys())
@pytest.mark.parametrize(("neighbours", "names"), [("both", ["theirs", "chat gpt-4o"]), ("yield", ["theirs"])])
def test_a_call_another_instrumentation_tells_is_told_by_both_unless_ours_is_to_yield(
    neighbours: Any, names: list[str], theirs: Any, fake: Any, client: Any
) -> None:
    with capture(neighbours=neighbours) as captured:
        tracer = captured.provider.get_tracer("theirs")
        with tracer.start_as_current_span("theirs", kind=SpanKind.CLIENT, attributes=theirs):
            client.chat.completions.create(**CHAT)
            for _ in client.chat.completions.create(**CHAT, stream=True):
                pass
        found = [span.name for span in captured.spans()]
    assert found == [names[0], *names[1:] * 2]


def test_ours_yields_to_async_calls_as_well(fake: Any, async_client: Any, run: Any) -> None:
    with capture(neighbours="yield") as captured:
        tracer = captured.provider.get_tracer("theirs")

        async def call() -> None:
            with tracer.start_as_current_span("theirs", attributes={"gen_ai.operation.name": "generate_content"}):
                await async_client.responses.create(model="gpt-4o", input="hi")

        run(call())
        assert captured.tree() == "theirs"


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_ours_yields_to_nothing_but_another_s_span_of_the_same_call(other: Any, fake: Any, client: Any) -> None:
    with capture(neighbours="yield") as captured:
        with captured.provider.get_tracer("other").start_as_current_span("other", attributes=other):
            client.chat.completions.create(**CHAT)
        with llmtrace.span("mine", kind="agent"):
            client.chat.completions.create(**CHAT)
        assert captured.tree() == "other\n  chat gpt-4o\ninvoke_agent mine\n  chat gpt-4o"


def test_the_setting_is_also_a_variable_and_a_wrong_argument_says_what_to_write(
    fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMTRACE_NEIGHBOURS", "yield")
    with capture() as captured:
        theirs = captured.provider.get_tracer("theirs")
        with theirs.start_as_current_span("theirs", attributes={"gen_ai.operation.name": "chat"}):
            client.chat.completions.create(**CHAT)
        assert captured.tree() == "theirs"
    wrong: Any = "none"
    with pytest.raises(ValueError, match='write "both", "yield" or "replace"'):
        llmtrace.instrument(neighbours=wrong)


class TheirInstrumentor:
    """As `BaseInstrumentor` has it: one for the process."""

    is_instrumented_by_opentelemetry = True
    fails = False

    def uninstrument(self) -> None:
        if TheirInstrumentor.fails:
            raise RuntimeError("no")
        TheirInstrumentor.is_instrumented_by_opentelemetry = False


@pytest.mark.parametrize("fails", [False, True])
def test_theirs_are_uninstrumented_when_ours_is_to_replace_them(
    fails: bool, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    module = ModuleType("theirs")
    monkeypatch.setattr(module, "OpenAIInstrumentor", TheirInstrumentor, raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.openai_v2", module)
    monkeypatch.setattr(TheirInstrumentor, "is_instrumented_by_opentelemetry", True)
    monkeypatch.setattr(TheirInstrumentor, "fails", fails)
    with capture(neighbours="replace") as captured:
        client.chat.completions.create(**CHAT)
        assert captured.tree() == "chat gpt-4o"
    assert TheirInstrumentor.is_instrumented_by_opentelemetry is fails
    assert ("its calls are told twice" in caplog.text) is fails


def their_request(wrapped: Any, _client: Any, args: Any, kwargs: Any) -> Any:
    token = otel_context.attach(otel_context.set_value("theirs", value=True))
    try:
        return wrapped(*args, **kwargs)
    finally:
        otel_context.detach(token)


@pytest.mark.parametrize("order", ["theirs first", "ours first"])
@pytest.mark.parametrize("where", ["on the base class", "on the class of the client"])
def test_calls_are_seen_whatever_else_wraps_the_client_before_or_after(
    order: str, where: str, fake: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner: Any = _base_client.SyncAPIClient if where == "on the base class" else openai.OpenAI

    def wrap() -> None:
        # As openinference does: what the class has or inherits, wrapped, becomes the class's own.
        monkeypatch.setattr(
            owner, "request", wrapt.FunctionWrapper(owner.__dict__.get("request") or _inherited(), their_request)
        )

    original = _base_client.SyncAPIClient.__dict__["request"]
    if order == "theirs first":
        wrap()
    with capture() as captured:
        if order == "ours first":
            wrap()
        client.chat.completions.create(**CHAT)
        assert captured.tree() == "chat gpt-4o"
    client.chat.completions.create(**CHAT)
    assert len(captured.finished()) == 1
    monkeypatch.undo()
    _base_client.SyncAPIClient.request = original


def _inherited() -> Any:
    return _base_client.SyncAPIClient.__dict__["request"]


def test_a_client_class_of_the_app_s_own_is_not_told_twice(fake: Any) -> None:
    class Mine(openai.OpenAI):
        def request(self, *args: Any, **kwargs: Any) -> Any:
            return super().request(*args, **kwargs)

    with capture() as captured, Mine(base_url=fake.base_url, api_key="x") as client:
        client.chat.completions.create(**CHAT)
        assert captured.tree() == "chat gpt-4o"
