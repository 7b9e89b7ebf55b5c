"""The cache: an answer is given again where it may be, in every form of a call, and never to whom it is not for."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import llmtrace
from llmtrace.cache import Cache, MemoryStore, Which, control
from llmtrace.cache.disk import DiskStore
from llmtrace.cache.shared import RedisStore
from llmtrace.calls import Identity, Operation, Server
from llmtrace.chain import Asked, Do, Reply, run
from llmtrace.embedding import LexicalEmbedder
from support.little_redis import LittleRedis
from support.scripted import chat_body, response_body, said
from support.spans import attributes

LEXICAL = LexicalEmbedder()
CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "how do I bake bread at home"}]}


class Certain:
    """A curve that takes any two questions without a guard between them for the same."""

    def wrong(self, one: str, other: str, cosine: float) -> tuple[float, str]:
        return 0.0, ""


def chat(text: str, **more: Any) -> Any:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **more}


def _helper(client: Any) -> Any:
    with client.chat.completions.stream(**CHAT) as stream:
        return [event.type for event in stream], stream.get_final_completion().choices[0].message.content


FORMS: dict[str, Any] = {
    "create": lambda c: c.chat.completions.create(**CHAT).model_dump(),
    "raw": lambda c: c.chat.completions.with_raw_response.create(**CHAT).parse().model_dump(),
    "stream": lambda c: [chunk.model_dump() for chunk in c.chat.completions.create(**CHAT, stream=True)],
    "stream with usage": lambda c: [
        chunk.model_dump()
        for chunk in c.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True})
    ],
    "helper": _helper,
    "responses": lambda c: c.responses.create(model="gpt-4o", input="hi").model_dump(),
    "responses stream": lambda c: [e.model_dump() for e in c.responses.create(model="gpt-4o", input="hi", stream=True)],
    "completions": lambda c: c.completions.create(model="gpt-3.5-turbo-instruct", prompt="hi").model_dump(),
    "embeddings": lambda c: c.embeddings.create(model="text-embedding-3-small", input="hi").model_dump(),
}


@pytest.mark.parametrize("asks_usage", [False, True])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_same_request_gets_the_same_answer_in_every_form(
    form: Any, asks_usage: bool, make_traces: Any, fake_and_client: Any, monkeypatch: Any
) -> None:
    fake, client = fake_and_client
    if asks_usage:
        monkeypatch.setenv("LLMTRACE_ASK_USAGE", "true")
    traces = make_traces(cache=Cache(embedder=LEXICAL))
    first, again = form(client), form(client)
    assert again == first
    assert len(fake.requests) == 1
    told, kept = (attributes(span) for span in traces.spans())
    assert (told["llmtrace.cache.result"], kept["llmtrace.cache.result"]) == ("miss", "exact")
    assert kept.get("gen_ai.usage.output_tokens") == told.get("gen_ai.usage.output_tokens")
    assert (kept["llmtrace.cost.usd"], kept["llmtrace.cost.source"]) == ("0", "local_cache")
    assert kept.get("llmtrace.reply.saved_usd") == told.get("llmtrace.cost.usd")
    assert kept["llmtrace.cache.saved_time"] > 0
    assert kept["llmtrace.cache.age"] >= 0


def test_other_words_for_it_get_the_answer_too_sync_and_async(
    make_traces: Any, fake_and_client: Any, async_client: Any, run: Any
) -> None:
    fake, client = fake_and_client
    traces = make_traces(cache=Cache(embedder=LEXICAL, curve=Certain()))
    first = client.chat.completions.create(**chat("how do I bake bread at home"))
    raw = client.chat.completions.with_raw_response.create(**chat("how can I bake bread at home?"))
    assert raw.parse() == first
    assert raw.headers["x-llmtrace-cache"] == "semantic"
    assert run(async_client.chat.completions.create(**chat("at home, how can I bake bread?"))) == first
    assert len(fake.requests) == 1
    assert [attributes(span)["llmtrace.cache.result"] for span in traces.spans()] == ["miss", "semantic", "semantic"]


WHO = st.sampled_from(["", "u-1", "u-2"])
PROBES = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["a", "b"]),
        "user": WHO,
        "said_user": WHO,
        "prompt": st.sampled_from([None, "1", "2"]),
        "namespace": st.sampled_from(["", "x"]),
        "model": st.sampled_from(["gpt-4o", "gpt-4o-mini"]),
        "system": st.sampled_from(["", "You are kind.", "You are unkind."]),
        "earlier": st.sampled_from(["", "hi"]),
        "tools": st.sampled_from([None, [{"type": "function", "function": {"name": "f"}}]]),
        "schema": st.sampled_from([None, {"type": "json_object"}]),
        "temperature": st.sampled_from([None, 0, 1]),
        "more": st.sampled_from([{}, {"seed": 1}, {"max_tokens": 5}, {"n": 2}, {"logprobs": True}]),
        "stream": st.booleans(),
        "text": st.sampled_from(["how do I bake bread", "how can I bake bread", "how do I bake bread?"]),
    }
)


def asked_by(probe: dict[str, Any]) -> Asked:
    turns = [{"role": "system", "content": probe["system"]}] if probe["system"] else []
    if probe["earlier"]:
        turns += [{"role": "user", "content": "before"}, {"role": "assistant", "content": probe["earlier"]}]
    body = {"model": probe["model"], "messages": [*turns, {"role": "user", "content": probe["text"]}]} | probe["more"]
    told = {"tools": "tools", "schema": "response_format", "temperature": "temperature", "said_user": "user"}
    body |= {name: probe[key] for key, name in told.items() if probe[key] not in (None, "")}
    return Asked(
        operation=Operation(name="chat", wire="chat"),
        server=Server(provider="openai", price_provider="openai", address="h", port=1),
        path="/chat/completions",
        body=body | ({"stream": True} if probe["stream"] else {}),
        account=probe["account"],
        identity=Identity(user=probe["user"] or None, prompt_name="p", prompt_version=probe["prompt"]),
    )


@given(probes=st.lists(PROBES, min_size=20, max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_answer_crosses_a_scope(probes: list[dict[str, Any]]) -> None:
    """Every answer carries who asked for it and how; a hit must carry the asker's own."""
    step = Cache(embedder=LEXICAL, curve=Certain(), delta=0.5).step

    def scope(probe: dict[str, Any]) -> str:
        who = probe["user"] or probe["said_user"]
        rest = {name: value for name, value in probe.items() if name not in ("user", "said_user", "text")}
        alone = probe["earlier"] or probe["tools"]
        return json.dumps([who, rest, probe["text"] if alone else ""], sort_keys=True)

    for probe in probes:
        body = json.dumps(chat_body({"content": scope(probe)})).encode()

        def proceed(asked: Asked, body: bytes = body) -> Any:
            yield Do(work=lambda: None)
            return Reply(body=body)

        with control(namespace=probe["namespace"]):
            reply = run(lambda asked: step.around(asked, proceed), asked_by(probe), lambda _: Reply())
        assert reply.json["choices"][0]["message"]["content"] == scope(probe)


BAD: dict[str, Any] = {
    "refusal": chat_body({"content": None, "refusal": "no"}),
    "refusal by filter": chat_body({"content": "x"}, finish="content_filter"),
    "truncated": chat_body({"content": "half of"}, finish="length"),
    "tool_call": chat_body({"tool_calls": [{"id": "c", "type": "function", "function": {}}]}, finish="tool_calls"),
    "empty": chat_body({"content": ""}),
    "large": chat_body({"content": "x" * 1_100_000}),
}


@pytest.mark.parametrize("reason", BAD)
def test_what_is_no_good_answer_is_not_kept(reason: str, make_traces: Any, scripted: Any) -> None:
    traces = make_traces(cache=Cache())
    scripted.answers(BAD[reason])
    before = len(scripted.requests)
    for _ in range(2):
        scripted.sync.chat.completions.create(**CHAT)
    assert len(scripted.requests) == before + 2
    assert {attributes(span)["llmtrace.cache.not_kept"] for span in traces.spans()} == {reason.split(maxsplit=1)[0]}


def test_a_response_that_called_a_tool_or_ended_early_is_not_kept(make_traces: Any, scripted: Any) -> None:
    make_traces(cache=Cache())
    call = {"type": "function_call", "id": "f", "call_id": "c", "name": "x", "arguments": "{}", "status": "completed"}
    before = len(scripted.requests)
    for body in (response_body(call), response_body(said("half"), status="incomplete")):
        scripted.answers(body)
        for _ in range(2):
            scripted.sync.responses.create(model="gpt-4o", input="hi")
    assert len(scripted.requests) == before + 4


def test_errors_and_streams_given_up_are_not_kept(make_traces: Any, fake_and_client: Any) -> None:
    fake, client = fake_and_client
    make_traces(cache=Cache())
    fake.fail_next(500)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**CHAT)
    assert client.chat.completions.create(**CHAT).choices
    with client.chat.completions.create(**CHAT, stream=True) as stream:
        next(iter(stream))
    assert len(list(client.chat.completions.create(**CHAT, stream=True))) > 2
    assert len(fake.requests) == 4


def test_what_the_app_says_of_a_call_holds(make_traces: Any, fake_and_client: Any) -> None:
    fake, client = fake_and_client
    make_traces(cache=Cache())
    ask = lambda: client.chat.completions.create(**CHAT)  # noqa: E731
    with control(no_store=True):
        ask()
    ask()
    with control(bypass=True):
        ask()
    with control(namespace="other"):
        ask()
    with control(refresh=True):
        newest = ask()
    assert len(fake.requests) == 5
    assert ask() == newest
    assert len(fake.requests) == 5


def test_answers_die_of_age_and_hits_do_not_renew_them(make_traces: Any, fake_and_client: Any) -> None:
    fake, client = fake_and_client
    now = [1000.0]
    make_traces(cache=Cache(ttl_s=10, clock=lambda: now[0]))
    for now[0], sent in ((1000.0, 1), (1009.0, 1), (1010.5, 2), (1019.0, 2)):
        client.chat.completions.create(**CHAT)
        assert len(fake.requests) == sent
    with control(refresh=True, ttl_s=100):
        client.chat.completions.create(**CHAT)
    now[0] = 1100.0
    client.chat.completions.create(**CHAT)
    assert len(fake.requests) == 3


class Stores:
    """One of each kind."""

    def __init__(self, folder: Any) -> None:
        self.memory = MemoryStore(max_entries=50)
        self.disk = DiskStore(folder / "cache.db", max_entries=50)
        self.redis = RedisStore(LittleRedis(), max_per_scope=50)


@pytest.mark.parametrize("kind", ["memory", "disk", "redis"])
def test_answers_are_invalidated_by_tag_user_and_prompt(
    kind: str, make_traces: Any, fake_and_client: Any, tmp_path: Any
) -> None:
    fake, client = fake_and_client
    cache = Cache(getattr(Stores(tmp_path), kind), embedder=LEXICAL, curve=Certain(), share="account")
    make_traces(cache=cache)
    texts = ["alpha question", "beta quiz", "gamma riddle"]
    for text, said_of in zip(texts, ({"tags": ["t"]}, {"user": "u"}, {"prompt": ("p", 3)}), strict=True):
        with llmtrace.context(**said_of):
            client.chat.completions.create(**chat(text))
            client.chat.completions.create(**chat(text + "?"))
    assert len(fake.requests) == 3
    assert [cache.invalidate(tag="t"), cache.invalidate(user="u"), cache.invalidate(prompt="p@3")] == [1, 1, 1]
    with llmtrace.context(tags=["t"]):
        client.chat.completions.create(**chat(texts[0] + "?"))
    assert len(fake.requests) == 4
    assert cache.invalidate(everything=True) == 1
    with pytest.raises(ValueError, match="name a tag"):
        cache.invalidate()


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_stores_stay_within_their_bounds(kind: str, make_traces: Any, fake_and_client: Any, tmp_path: Any) -> None:
    _fake, client = fake_and_client
    store = getattr(Stores(tmp_path), kind)
    make_traces(cache=Cache(store))
    for number in range(70):
        client.chat.completions.create(**chat(f"question {number}"))
    assert store.drop(Which()) == 50


def test_disk_survives_the_process_and_is_shared(make_traces: Any, fake_and_client: Any, tmp_path: Any) -> None:
    fake, client = fake_and_client
    first, second = DiskStore(tmp_path / "c.db"), DiskStore(tmp_path / "c.db")
    make_traces(cache=Cache(first, embedder=LEXICAL, curve=Certain()))
    client.chat.completions.create(**chat("how do I bake bread"))
    llmtrace.uninstrument()
    first.close()
    make_traces(cache=Cache(second, embedder=LEXICAL, curve=Certain()))
    client.chat.completions.create(**chat("how do I bake bread?"))
    assert len(fake.requests) == 1


def test_a_store_that_vanishes_is_a_miss_and_is_left_alone(make_traces: Any, fake_and_client: Any) -> None:
    fake, client = fake_and_client
    redis = LittleRedis()
    now = [0.0]
    traces = make_traces(cache=Cache(RedisStore(redis), clock=lambda: now[0]))
    redis.is_gone = True
    for _ in range(3):
        client.chat.completions.create(**CHAT)
    assert len(fake.requests) == 3
    assert redis.refused == 1
    assert attributes(traces.spans()[0])["llmtrace.cache.fault"] == "ConnectionError"
    redis.is_gone = False
    now[0] = 10.0
    for _ in range(2):
        client.chat.completions.create(**CHAT)
    assert len(fake.requests) == 4


class Failing:
    name = "failing"
    dimension = 3
    waits = False

    def embed(self, texts: Sequence[str]) -> Any:
        raise OSError("gone")


class Nonsense(Failing):
    def embed(self, texts: Sequence[str]) -> Any:
        return np.full((len(texts), 3), np.nan, np.float32)


@pytest.mark.parametrize("embedder", [Failing(), Nonsense()])
def test_an_embedder_that_fails_leaves_exact_hits(embedder: Any, make_traces: Any, fake_and_client: Any) -> None:
    fake, client = fake_and_client
    traces = make_traces(cache=Cache(embedder=embedder, curve=Certain()))
    client.chat.completions.create(**CHAT)
    client.chat.completions.create(**CHAT)
    assert len(fake.requests) == 1
    assert attributes(traces.spans()[0])["llmtrace.cache.fault"] in ("OSError", "ValueError")


class Doubtful(Certain):
    def wrong(self, one: str, other: str, cosine: float) -> tuple[float, str]:
        return 0.3, ""


async def _yes(_doubt: Any) -> bool:
    return True


JUDGES: dict[str, tuple[Any, int]] = {
    "yes": (lambda _: True, 1),
    "yes, awaited": (_yes, 1),
    "no": (lambda _: False, 3),
    "nonsense": (lambda _: "perhaps", 3),
    "down": (lambda _: 1 / 0, 3),
    "slow": (lambda _: threading.Event().wait(0.4), 3),
}


@pytest.mark.parametrize("judge", JUDGES)
def test_a_judge_decides_what_the_bound_does_not_admit(
    judge: str, make_traces: Any, fake_and_client: Any, async_client: Any, run: Any
) -> None:
    """No verdict, for whatever reason, is a miss."""
    fake, client = fake_and_client
    decide, sent = JUDGES[judge]
    cache = Cache(embedder=LEXICAL, curve=Doubtful(), judge=decide, judge_timeout_s=0.2)
    make_traces(cache=cache)
    client.chat.completions.create(**chat("how do I bake bread"))
    client.chat.completions.create(**chat("how can I bake bread"))
    run(async_client.chat.completions.create(**chat("how could I bake bread")))
    assert len(fake.requests) == sent
    reasons = {miss.reason for miss in cache.near_misses()}
    assert reasons == {1: set(), 3: {"judge"} if judge == "no" else {"bound"}}[sent]


def test_a_bad_word_of_a_user_takes_the_answer_away(make_traces: Any, fake_and_client: Any) -> None:
    fake, client = fake_and_client
    cache = Cache(embedder=LEXICAL, curve=Certain())
    make_traces(cache=cache)
    client.chat.completions.create(**chat("how do I bake bread"))
    given_again = client.chat.completions.create(**chat("how can I bake bread"))
    assert cache.feedback(given_again.id, good=False)
    assert cache.standing.found_wrong == 1
    client.chat.completions.create(**chat("how can I bake bread"))
    assert len(fake.requests) == 2


def test_equal_calls_at_the_same_time_are_asked_once(
    make_traces: Any, fake_and_client: Any, async_client: Any, run: Any
) -> None:
    fake, client = fake_and_client
    make_traces(cache=Cache())
    inside = threading.Barrier(8)
    found = []

    def ask() -> None:
        inside.wait()
        found.append(client.chat.completions.create(**CHAT).id)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fake.requests) == 1
    assert len(set(found)) == 1

    async def many() -> list[Any]:
        return await asyncio.gather(*(async_client.chat.completions.create(**chat("another")) for _ in range(8)))

    assert len({reply.id for reply in run(many())}) == 1
    assert len(fake.requests) == 2


@pytest.mark.parametrize(
    "wrong", [{"ttl_s": 0}, {"share": "all"}, {"verify_share": 2}, {"delta": 1}, {"judge_timeout_s": -1}]
)
def test_a_setting_that_cannot_be_meant_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Cache(**wrong)
