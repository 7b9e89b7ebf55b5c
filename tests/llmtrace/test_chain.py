"""What acts on calls: it may answer, change, ask again or refuse, in every form of a call; and it never harms one."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from llmtrace.chain import Asked, ChainRefusal, Do, Origin, Proceed, Reply
from support.scripted import chat_body
from support.spans import attributes

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


class Place(BaseModel):
    city: str


class Keeping:
    """Keeps the first answer to a body, and gives it again: the least a cache can be."""

    name = "keeping"
    fault_mark = "test.fault"

    def __init__(self) -> None:
        self.kept: dict[str, Reply] = {}

    def around(self, asked: Asked, proceed: Proceed) -> Any:
        key = json.dumps([dict(asked.body), asked.path])
        if key in self.kept:
            return self.kept[key]
        if asked.stream:
            listener = lambda reply: self.kept.setdefault(key, replace(reply, origin=Origin.CACHE))  # noqa: E731
            return (yield from proceed(replace(asked, listeners=(*asked.listeners, listener))))
        reply = yield from proceed(asked)
        if not asked.raw:
            self.kept[key] = replace(reply, origin=Origin.CACHE, result=None)
        return reply


def _helper(client: Any, **more: Any) -> Any:
    with client.chat.completions.stream(**CHAT, **more) as stream:
        return [event.type for event in stream], stream.get_final_completion().choices[0].message.content


FORMS: dict[str, Any] = {
    "create": lambda c: c.chat.completions.create(**CHAT).model_dump(),
    "raw": lambda c: c.chat.completions.with_raw_response.create(**CHAT).parse().model_dump(),
    "raw text": lambda c: json.loads(c.chat.completions.with_raw_response.create(**CHAT).text),
    "stream": lambda c: [chunk.model_dump() for chunk in c.chat.completions.create(**CHAT, stream=True)],
    "helper": _helper,
    "responses": lambda c: c.responses.create(model="gpt-4o", input="hi").model_dump(),
    "responses stream": lambda c: [
        event.model_dump() for event in c.responses.create(model="gpt-4o", input="hi", stream=True)
    ],
    "completions": lambda c: c.completions.create(model="gpt-3.5-turbo-instruct", prompt="hi").model_dump(),
    "embeddings": lambda c: c.embeddings.create(model="text-embedding-3-small", input="hi").model_dump(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_reply_in_the_providers_place_is_the_one_it_would_have_sent(
    form: Any, make_traces: Any, fake: Any, client: Any
) -> None:
    traces = make_traces(interceptors=[Keeping()])
    first, again = form(client), form(client)
    assert again == first
    assert len(fake.requests) == 1
    told, kept = (attributes(span) for span in traces.spans())
    assert "llmtrace.reply.origin" not in told
    assert kept["llmtrace.reply.origin"] == "cache"
    assert kept.get("gen_ai.usage.input_tokens") == told.get("gen_ai.usage.input_tokens")
    assert (kept["llmtrace.cost.usd"], kept["llmtrace.cost.source"]) == ("0", "local_cache")
    assert kept.get("llmtrace.reply.saved_usd") == told.get("llmtrace.cost.usd")
    assert kept.get("gen_ai.response.id") == told.get("gen_ai.response.id")


def test_parse_gives_the_same_object_again(make_traces: Any, scripted: Any) -> None:
    make_traces(interceptors=[Keeping()])
    scripted.answers(chat_body({"role": "assistant", "content": '{"city": "Oslo"}'}))
    for _ in range(2):
        found = scripted.sync.chat.completions.parse(**CHAT, response_format=Place)
        assert found.choices[0].message.parsed == Place(city="Oslo")


def test_async_calls_and_streams_are_answered_too(make_traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    make_traces(interceptors=[Keeping()])

    async def both() -> tuple[Any, Any]:
        plain = await async_client.chat.completions.create(**CHAT)
        streamed = [chunk async for chunk in await async_client.chat.completions.create(**CHAT, stream=True)]
        return plain, streamed

    assert run(both()) == run(both())
    assert len(fake.requests) == 2


def test_a_stream_that_was_given_up_is_nobodys_answer(make_traces: Any, fake: Any, client: Any) -> None:
    """Half an answer is not told to listeners."""
    keeping = Keeping()
    make_traces(interceptors=[keeping])
    with client.chat.completions.create(**CHAT, stream=True) as stream:
        next(iter(stream))
    assert not keeping.kept
    assert len(list(client.chat.completions.create(**CHAT, stream=True))) > 2
    assert len(fake.requests) == 2
    assert keeping.kept


class Changing:
    """Asks for another model, and for another again when the first answer is refused."""

    name = "changing"
    fault_mark = "test.fault"

    def around(self, asked: Asked, proceed: Proceed) -> Any:
        asked.marks["test.tried"] = "gpt-4o-mini"
        try:
            return (yield from proceed(asked.asking(model="gpt-4o-mini", temperature=0)))
        except openai.APIStatusError:
            return (yield from proceed(asked))


def test_a_call_may_be_changed_and_asked_again(make_traces: Any, fake: Any, client: Any) -> None:
    """What the app holds is not touched; the span has what steps say of the call."""
    traces = make_traces(interceptors=[Changing()])
    given = json.loads(json.dumps(CHAT))
    client.chat.completions.create(**given, extra_body={"seed": 3})
    fake.fail_next(500)
    client.chat.completions.create(**given)
    assert given == CHAT
    assert [(r.body["model"], r.body.get("temperature"), r.body.get("seed")) for r in fake.requests] == [
        ("gpt-4o-mini", 0, 3),
        ("gpt-4o-mini", 0, None),
        ("gpt-4o", None, None),
    ]
    assert [attributes(span)["test.tried"] for span in traces.spans()] == ["gpt-4o-mini"] * 2


class RefusedError(ChainRefusal):
    pass


class Refusing:
    name = "refusing"
    fault_mark = "test.fault"

    def around(self, asked: Asked, proceed: Proceed) -> Any:
        yield Do(work=lambda: None)
        raise RefusedError("not this one")


def test_a_refusal_reaches_the_app_and_the_span(make_traces: Any, fake: Any, client: Any) -> None:
    traces = make_traces(interceptors=[Keeping(), Refusing()])
    with pytest.raises(RefusedError, match="not this one"):
        client.chat.completions.create(**CHAT)
    assert not fake.requests
    assert attributes(traces.one())["error.type"] == "RefusedError"


class Broken:
    """Fails before or after the call."""

    name = "broken"
    fault_mark = "test.fault"

    def __init__(self, when: str) -> None:
        self._when = when

    def around(self, asked: Asked, proceed: Proceed) -> Any:
        if self._when == "before":
            raise ValueError("before")
        if self._when == "working":
            yield Do(work=lambda: 1 / 0)
        try:
            yield from proceed(asked)
        except openai.APIStatusError:
            raise KeyError("in the handler") from None
        if self._when == "wrong":
            return None
        raise ValueError("after")


@pytest.mark.parametrize("when", ["before", "working", "after", "wrong"])
def test_a_step_that_fails_is_left_out(
    when: str, make_traces: Any, fake_and_client: Any, async_client: Any, run: Any
) -> None:
    """The call goes through as it would have, is asked once, and the span says what happened."""
    fake, client = fake_and_client
    traces = make_traces(interceptors=[Broken(when)])
    assert client.chat.completions.create(**CHAT).choices
    assert run(async_client.chat.completions.create(**CHAT)).choices
    assert list(client.chat.completions.create(**CHAT, stream=True))
    assert len(fake.requests) == 3
    assert all(attributes(span)["test.fault"] for span in traces.spans())
    fake.fail_next(400)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**CHAT)
    assert len(fake.requests) == 4


def test_what_is_no_answer_in_words_goes_by(make_traces: Any, fake: Any, client: Any) -> None:
    traces = make_traces(interceptors=[Refusing()])
    with pytest.raises(openai.NotFoundError):  # the fake provider has no models
        client.models.list()
    assert len(traces.spans()) == 1


def test_steps_see_one_call_each_from_many_threads(make_traces: Any, fake: Any, client: Any) -> None:
    make_traces(interceptors=[Keeping(), Changing()])
    found: list[str] = []

    def ask(number: int) -> None:
        text = f"question {number}"
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])
        found.append(text)

    threads = [threading.Thread(target=ask, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(r.body["messages"][0]["content"] for r in fake.requests) == sorted(found)


def test_nothing_is_left_of_the_chain_after_uninstrument(make_traces: Any, fake: Any, client: Any) -> None:
    import llmtrace

    make_traces(interceptors=[Refusing()])
    llmtrace.uninstrument()
    assert client.chat.completions.create(**CHAT).choices
