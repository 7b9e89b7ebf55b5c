"""For whom and for what: everything `llmtrace.context` takes, generators that alternate, and baggage."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.baggage.propagation import W3CBaggagePropagator

import llmtrace
from llmtrace import faults
from llmtrace.identity import NOBODY, current_identity
from support.spans import attributes

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
EVERYTHING: Any = {
    "user": "u-1",
    "session": "s-1",
    "conversation": "c-1",
    "prompt": ("greeting", 3),
    "feature": "search",
    "team": "growth",
    "tags": ["beta", "eu"],
    "attributes": {"app.screen": "home", "app.sizes": [1, 2], "app.dark": True, "app.share": 0.5},
}


@pytest.fixture(autouse=True)
def _no_baggage() -> Iterator[None]:
    token = otel_context.attach(otel_context.Context())
    yield
    otel_context.detach(token)


def user() -> str | None:
    return current_identity().user


def header() -> str:
    """What a request of the app to another service would carry now."""
    carrier: dict[str, str] = {}
    W3CBaggagePropagator().inject(carrier)
    return carrier.get("baggage", "")


def arrived(value: str) -> Any:
    """A context as a server instrumentation makes it of a request with this baggage header."""
    return otel_context.attach(W3CBaggagePropagator().extract({"baggage": value}))


def test_everything_that_is_said_is_on_the_span(traces: Any, fake: Any, client: Any) -> None:
    with llmtrace.context(**EVERYTHING):
        client.chat.completions.create(**CHAT)
    found = attributes(traces.one())
    assert {name: found[name] for name in found if name.startswith("app.")} == {
        "app.screen": "home",
        "app.sizes": (1, 2),
        "app.dark": True,
        "app.share": 0.5,
    }
    assert (found["user.id"], found["session.id"], found["gen_ai.conversation.id"]) == ("u-1", "s-1", "c-1")
    assert (found["gen_ai.prompt.name"], found["gen_ai.prompt.version"]) == ("greeting", "3")
    assert (found["llmtrace.feature"], found["llmtrace.team"]) == ("search", "growth")
    assert found["llmtrace.tags"] == ("beta", "eu")


def test_async_with_says_the_same(traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    async def call() -> None:
        async with llmtrace.context(user="u-1", tags=["beta"]):
            await async_client.responses.create(model="gpt-4o", input="hi")

    run(call())
    found = attributes(traces.one())
    assert (found["user.id"], found["llmtrace.tags"]) == ("u-1", ("beta",))
    assert current_identity() is NOBODY


def test_what_is_said_is_on_spans_of_any_path(traces: Any, fake: Any, client: Any) -> None:
    with llmtrace.context(team="growth", conversation="c-1"), pytest.raises(Exception, match="404"):
        client.models.list()
    found = attributes(traces.one())
    assert (found["llmtrace.team"], found["gen_ai.conversation.id"]) == ("growth", "c-1")


def test_nested_blocks_come_together_and_the_inner_one_wins() -> None:
    with (
        llmtrace.context(feature="search", tags=["a", "b"], prompt=("p", 1), attributes={"x": 1, "y": 1}),
        llmtrace.context(team="growth", tags=["b", "c"], prompt="q", attributes={"y": 2}),
    ):
        found = current_identity()
    assert (found.feature, found.team) == ("search", "growth")
    assert found.tags == ("a", "b", "c")
    assert (found.prompt_name, found.prompt_version) == ("q", None), "a version belongs to its name"
    assert dict(found.labels) == {"x": 1, "y": 2}


def test_the_conversation_of_the_context_wins_over_the_request_s(traces: Any, fake: Any, client: Any) -> None:
    with llmtrace.context(conversation="mine"):
        client.responses.create(model="gpt-4o", input="hi", conversation="conv_1")
    assert attributes(traces.one())["gen_ai.conversation.id"] == "mine"


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"tags": "beta"}, TypeError, r'context\(tags=...\): give a list of strings: \["beta"\]'),
        ({"tags": [1]}, TypeError, r"context\(tags=...\): a tag is a str, not int"),
        ({"tags": 7}, TypeError, r"context\(tags=...\): give a list"),
        ({"prompt": ("a",)}, TypeError, r"context\(prompt=...\): give a name, or a name and a version"),
        ({"prompt": ("a", 1.5)}, TypeError, r"context\(prompt=...\)"),
        ({"feature": 7}, TypeError, r"context\(feature=...\): int is no text; give a str"),
        ({"conversation": 1.5}, TypeError, r"context\(conversation=...\): float is no id"),
        ({"attributes": ["x"]}, TypeError, r"context\(attributes=...\): give a dict"),
        ({"attributes": {"": 1}}, TypeError, r"context\(attributes=...\): '' is no name"),
        ({"attributes": {"x": object()}}, TypeError, r'"x" is of type object; give a str, a bool'),
        ({"attributes": {"x": [1, "a"]}}, TypeError, r'"x" is of type list'),
        ({"attributes": {"gen_ai.request.model": "x"}}, ValueError, r'"gen_ai.request.model" has a meaning already'),
        ({"attributes": {"llmtrace.mine": 1}}, ValueError, r"choose another"),
        ({"attributes": {"user.id": "x"}}, ValueError, r"choose another"),
    ],
)
def test_a_wrong_argument_is_named_with_what_to_write(arguments: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        llmtrace.context(**arguments)


def test_what_is_too_long_or_too_many_is_cut_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    faults.reset()
    for _ in range(2):
        with llmtrace.context(
            user="u" * 5000,
            tags=[f"{at:03}" + "t" * 500 for at in range(100)],
            attributes={f"a{at}": ["x" * 5000] * 100 for at in range(100)},
        ):
            found = current_identity()
    assert len(found.user or "") == 1024
    assert len(found.tags) == 32
    assert {len(tag) for tag in found.tags} == {128}
    assert len(found.labels) == 32
    assert {(len(value), len(value[0])) for _, value in found.labels if isinstance(value, tuple)} == {(64, 1024)}
    assert caplog.text.count("context(user=...): cut after 1024 characters") == 1
    assert caplog.text.count("context(tags=...): the first 32 of them are kept") == 1


def test_an_integer_beyond_64_bits_is_text_for_it_would_cost_the_whole_batch() -> None:
    with llmtrace.context(attributes={"big": 1 << 80}):
        assert dict(current_identity().labels) == {"big": str(1 << 80)}


# --- generators that share their caller's context variables -------------------------------------------------------


def answers(name: str) -> Iterator[str | None]:
    with llmtrace.context(user=name):
        yield user()
        yield user()
        yield user()


async def async_answers(name: str) -> AsyncIterator[str | None]:
    async with llmtrace.context(user=name):
        yield user()
        await asyncio.sleep(0)
        yield user()


def test_generators_whose_steps_alternate_keep_each_its_own_user() -> None:
    a, b = answers("a"), answers("b")
    assert [next(a), next(b), next(a), next(b), next(a), next(b)] == ["a", "b", "a", "b", "a", "b"]
    a.close()
    b.close()
    assert current_identity() is NOBODY


def test_async_generators_whose_steps_alternate_keep_each_its_own_user() -> None:
    async def alternate() -> list[str | None]:
        a, b = async_answers("a"), async_answers("b")
        found = [await anext(a), await anext(b), await anext(a), await anext(b)]
        await a.aclose()
        await b.aclose()
        return found

    assert asyncio.run(alternate()) == ["a", "b", "a", "b"]


def test_a_generator_stepped_inside_another_block_keeps_its_own_user_and_takes_what_it_does_not_name() -> None:
    def inside() -> Iterator[tuple[str | None, str | None]]:
        with llmtrace.context(user="a"):
            yield current_identity().user, current_identity().session
            yield current_identity().user, current_identity().session

    steps = inside()
    assert next(steps) == ("a", None)
    with llmtrace.context(user="b", session="s"):
        assert next(steps) == ("a", "s")
        assert user() == "b"
    steps.close()


def test_a_context_manager_made_of_a_generator_says_what_holds_in_its_body() -> None:
    @contextmanager
    def tenant(name: str) -> Iterator[None]:
        with llmtrace.context(team=name):
            yield

    def work() -> Iterator[tuple[str | None, str | None]]:
        with llmtrace.context(user="a"), tenant("growth"):
            yield current_identity().user, current_identity().team
            yield current_identity().user, current_identity().team

    with tenant("outer"):
        assert current_identity().team == "outer"
        steps = work()
        assert [next(steps), next(steps)] == [("a", "growth")] * 2
        steps.close()
        assert current_identity().team == "outer"


def test_tasks_and_threads_begun_inside_an_async_generator_know_its_user() -> None:
    async def in_task() -> str | None:
        await asyncio.sleep(0)
        return user()

    async def own() -> str | None:
        with llmtrace.context(user="own"):
            await asyncio.sleep(0)
            return user()

    async def stream() -> AsyncIterator[list[str | None]]:
        with llmtrace.context(user="a"):
            yield await asyncio.gather(in_task(), own(), asyncio.to_thread(user))

    async def consume() -> list[list[str | None]]:
        return [found async for found in stream()]

    assert asyncio.run(consume()) == [["a", "own", "a"]]


# --- baggage ------------------------------------------------------------------------------------------------------


def test_nothing_goes_into_outgoing_headers_unless_it_is_asked_for(traces: Any) -> None:
    with llmtrace.context(**EVERYTHING):
        assert header() == ""


def test_what_is_said_travels_as_baggage_when_asked_and_attributes_never(traces: Any) -> None:
    with llmtrace.context(**EVERYTHING, propagate=True):
        sent = header()
        with llmtrace.context(user="u-2", propagate=True):
            assert "user.id=u-2" in header()
            assert "session.id=s-1" in header()
        assert header() == sent
    assert "user.id=u-1" in sent
    assert "app." not in sent
    assert header() == ""


def test_a_setting_lets_every_block_travel_and_a_block_may_say_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMTRACE_PROPAGATE_CONTEXT", "true")
    llmtrace.instrument(export="none")
    with llmtrace.context(user="u-1"):
        assert header() == "user.id=u-1"
    with llmtrace.context(user="u-1", propagate=False):
        assert header() == ""


def test_what_is_sent_is_understood_by_another_service(traces: Any, fake: Any, client: Any) -> None:
    with llmtrace.context(user="ü, 1", tags=["a,b", "c=d"], prompt=("p", "1"), propagate=True):
        sent = header()
    token = arrived(sent)
    client.chat.completions.create(**CHAT)
    otel_context.detach(token)
    found = attributes(traces.one())
    assert (found["user.id"], found["llmtrace.tags"]) == ("ü, 1", ("a,b", "c=d"))
    assert (found["gen_ai.prompt.name"], found["gen_ai.prompt.version"]) == ("p", "1")


@pytest.mark.parametrize(
    ("said", "sent", "expected"),
    [
        ({"user": "here"}, {"user": "request"}, "here"),
        ({}, {"user": "request"}, "request"),
        ({}, {}, "there"),
    ],
)
def test_baggage_holds_where_nobody_nearer_says_anything(
    said: Any, sent: Any, expected: str, traces: Any, client: Any
) -> None:
    token = arrived("user.id=there,session.id=s-9,shop.id=7")
    with llmtrace.context(**said):
        client.chat.completions.create(**CHAT, **sent)
    otel_context.detach(token)
    found = attributes(traces.one())
    assert (found["user.id"], found["session.id"]) == (expected, "s-9")
    assert "shop.id" not in found


@pytest.mark.parametrize(("accepted", "expected"), [("session.id", (None, "s")), ("none", (None, None))])
def test_only_entries_that_are_allowed_are_believed(
    accepted: str, expected: Any, client: Any, monkeypatch: pytest.MonkeyPatch, make_traces: Any
) -> None:
    monkeypatch.setenv("LLMTRACE_ACCEPT_BAGGAGE", accepted)
    traces = make_traces()
    token = arrived("user.id=stranger,session.id=s")
    client.chat.completions.create(**CHAT)
    otel_context.detach(token)
    found = attributes(traces.one())
    assert (found.get("user.id"), found.get("session.id")) == expected


def test_baggage_of_any_size_and_kind_does_no_harm(traces: Any, fake: Any, client: Any) -> None:
    context = baggage.set_baggage("user.id", "u" * 100_000)
    context = baggage.set_baggage("llmtrace.tags", ",".join(["%zz" * 100] * 500), context)
    token = otel_context.attach(baggage.set_baggage("session.id", 7, context))
    client.chat.completions.create(**CHAT)
    otel_context.detach(token)
    found = attributes(traces.one())
    assert len(found["user.id"]) == 1024
    assert "session.id" not in found
    assert all(len(tag) <= 128 for tag in found["llmtrace.tags"])


def test_blocks_that_end_in_any_order_leave_no_baggage_behind() -> None:
    a, b = llmtrace.context(user="a", propagate=True), llmtrace.context(user="b", propagate=True)
    a.__enter__()
    b.__enter__()
    a.__exit__(None, None, None)
    assert header() == "user.id=b"
    b.__exit__(None, None, None)
    assert header() == ""


@pytest.mark.parametrize("finish", ["another task", "another context"])
def test_a_block_left_in_another_context_is_not_worth_a_line_of_the_sdk(
    finish: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def stream() -> AsyncIterator[str]:
        with llmtrace.context(user="a", propagate=True):
            yield "one"

    async def consume() -> None:
        steps = stream()
        await anext(steps)
        await asyncio.create_task(steps.aclose())  # type: ignore[attr-defined]  # an async generator

    def plain() -> None:
        import contextvars

        steps = answers("a")
        contextvars.copy_context().run(next, steps)
        steps.close()  # type: ignore[attr-defined]  # a generator

    with caplog.at_level(logging.DEBUG):
        asyncio.run(consume()) if finish == "another task" else plain()
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []


def test_the_signature_of_a_decorated_function_is_its_own() -> None:
    import inspect

    @llmtrace.context(user="u-1")
    def greet(name: str, *, loudly: bool = False) -> str:
        """Greet."""
        return name.upper() if loudly else name

    typed: Callable[..., str] = greet
    assert str(inspect.signature(typed)) == "(name: 'str', *, loudly: 'bool' = False) -> 'str'"
    assert greet.__doc__ == "Greet."
