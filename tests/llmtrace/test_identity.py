"""Whom a call is for: `llmtrace.context`, and what the request says itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Any
from uuid import UUID

import pytest

import llmtrace
from llmtrace.identity import NOBODY, current_identity
from support.spans import attributes

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def test_user_and_session_of_the_context_are_on_the_span(traces: Any, fake: Any, client: Any) -> None:
    with llmtrace.context(user="u-1", session="s-1"):
        client.chat.completions.create(**CHAT)
    found = attributes(traces.one())
    assert (found["user.id"], found["session.id"]) == ("u-1", "s-1")


@pytest.mark.parametrize(
    ("given", "sent", "expected"),
    [
        ("u-1", {"safety_identifier": "u-2", "user": "u-3"}, "u-1"),
        (None, {"safety_identifier": "u-2", "user": "u-3"}, "u-2"),
        (None, {"user": "u-3"}, "u-3"),
        (None, {}, None),
    ],
)
def test_the_context_wins_over_the_request(
    given: str | None, sent: Any, expected: str | None, traces: Any, client: Any
) -> None:
    with llmtrace.context(user=given):
        client.chat.completions.create(**CHAT, **sent)
    assert attributes(traces.one()).get("user.id") == expected


def test_an_inner_context_overrides_only_what_it_names() -> None:
    with llmtrace.context(user="u-1", session="s-1"):
        with llmtrace.context(user="u-2"):
            assert (current_identity().user, current_identity().session) == ("u-2", "s-1")
        assert current_identity().user == "u-1"
    assert current_identity() is NOBODY


def test_the_context_ends_when_its_body_raises() -> None:
    with pytest.raises(ValueError, match="x"), llmtrace.context(user="u-1"):
        raise ValueError("x")
    assert current_identity() is NOBODY


def test_it_decorates_plain_and_async_functions() -> None:
    @llmtrace.context(user="u-1")
    def plain() -> str | None:
        return current_identity().user

    @llmtrace.context(user="u-2")
    async def asynchronous() -> str | None:
        await asyncio.sleep(0)
        return current_identity().user

    assert plain() == "u-1"
    assert asyncio.run(asynchronous()) == "u-2"
    assert current_identity() is NOBODY


def test_a_decorated_generator_is_inside_only_while_it_runs() -> None:
    @llmtrace.context(user="u-1")
    def counts() -> Iterator[str | None]:
        yield current_identity().user
        yield current_identity().user

    found = []
    for user in counts():
        found.append(user)
        assert current_identity() is NOBODY
    assert found == ["u-1", "u-1"]


def test_a_decorated_async_generator_is_inside_only_while_it_runs() -> None:
    @llmtrace.context(user="u-1")
    async def counts() -> AsyncIterator[str | None]:
        yield current_identity().user

    async def collect() -> list[str | None]:
        return [user async for user in counts() if current_identity() is NOBODY]

    assert asyncio.run(collect()) == ["u-1"]


def test_tasks_and_threads_do_not_see_each_other_s_context() -> None:
    async def one(user: str) -> str | None:
        with llmtrace.context(user=user):
            await asyncio.sleep(0)
            return current_identity().user

    async def both() -> list[str | None]:
        return await asyncio.gather(one("a"), one("b"))

    assert asyncio.run(both()) == ["a", "b"]
    seen: list[Any] = []
    with llmtrace.context(user="u-1"):
        thread = threading.Thread(target=lambda: seen.append(current_identity()))
        thread.start()
        thread.join()
    assert seen == [NOBODY]


@pytest.mark.parametrize("conversation", ["conv_1", {"id": "conv_1"}])
def test_the_conversation_of_a_responses_call_is_its_id(conversation: Any, traces: Any, fake: Any, client: Any) -> None:
    client.responses.create(model="gpt-4o", input="hi", conversation=conversation)
    assert attributes(traces.one())["gen_ai.conversation.id"] == "conv_1"


def test_blocks_that_end_in_any_order_end_each_their_own() -> None:
    first, second = llmtrace.context(user="u-1"), llmtrace.context(user="u-2")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert current_identity().user == "u-2"
    second.__exit__(None, None, None)
    assert current_identity() is NOBODY


def test_numbers_and_uuids_are_written_as_text_and_other_things_refused_at_the_call() -> None:
    with llmtrace.context(user=UUID(int=1), session=7):
        found = current_identity()
    assert (found.user, found.session) == ("00000000-0000-0000-0000-000000000001", "7")
    for nonsense in (b"u-1", 1.5, True, ["u-1"], object()):
        wrong: Any = nonsense
        with pytest.raises(TypeError, match="is no id"):
            llmtrace.context(user=wrong)


def test_a_decorated_generator_takes_and_gives_what_the_plain_one_does() -> None:
    seen: list[str | None] = []

    @llmtrace.context(user="u-1")
    def dialogue() -> Generator[Any, Any, str]:
        try:
            try:
                yield (yield "first")
            except ValueError:
                yield "caught"
            return "the end"
        finally:
            seen.append(current_identity().user)

    sent = dialogue()
    assert next(sent) == "first"
    assert sent.send("hello") == "hello"
    with pytest.raises(StopIteration) as stopped:
        next(sent)
    assert stopped.value.value == "the end"
    thrown = dialogue()
    next(thrown)
    assert thrown.throw(ValueError()) == "caught"
    thrown.close()
    assert seen == ["u-1", "u-1"]
    assert current_identity() is NOBODY


def test_a_decorated_async_generator_takes_what_the_plain_one_does_and_is_closed_at_once() -> None:
    seen: list[str | None] = []

    @llmtrace.context(user="u-1")
    async def dialogue() -> AsyncGenerator[Any, Any]:
        try:
            try:
                yield (yield "first")
            except ValueError:
                yield "caught"
            yield "more"
        finally:
            await asyncio.sleep(0)
            seen.append(current_identity().user)

    async def talk() -> list[Any]:
        sent = dialogue()
        heard = [await anext(sent), await sent.asend("hello"), await sent.athrow(ValueError())]
        await sent.aclose()
        return heard

    assert asyncio.run(talk()) == ["first", "hello", "caught"]
    assert seen == ["u-1"]
