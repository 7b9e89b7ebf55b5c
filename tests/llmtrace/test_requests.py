"""What was sent is read as it was sent, and sent as the app wrote it."""

from __future__ import annotations

import copy
from typing import Any

from support.spans import attributes

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def test_parameters_sent_are_on_the_span_and_others_absent(traces: Any, fake: Any, client: Any) -> None:
    client.chat.completions.create(
        **CHAT,
        temperature=0.2,
        top_p=1,
        max_completion_tokens=100,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        seed=7,
        stop=["END"],
        n=2,
        service_tier="default",
        response_format={"type": "json_object"},
    )
    found = attributes(traces.one())
    assert {key: value for key, value in found.items() if ".request." in key or key == "gen_ai.output.type"} == {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.top_p": 1.0,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": -0.1,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.choice.count": 2,
        "openai.request.service_tier": "default",
        "gen_ai.output.type": "json",
    }
    assert found["openai.api.type"] == "chat_completions"
    assert found["openai.response.system_fingerprint"].startswith("fp_")


def test_a_generator_of_messages_reaches_the_server_whole(traces: Any, fake: Any, client: Any) -> None:
    given = [{"role": "user", "content": str(number)} for number in range(5)]
    client.chat.completions.create(model="gpt-4o", messages=(message for message in given))
    assert fake.requests[-1].body["messages"] == given


def test_extra_body_counts_as_sent(traces: Any, fake: Any, client: Any) -> None:
    client.chat.completions.create(**CHAT, extra_body={"model": "gpt-4o-mini", "temperature": 0.9})
    found = attributes(traces.one())
    assert traces.one().name == "chat gpt-4o-mini"
    assert found["gen_ai.request.model"] == "gpt-4o-mini"
    assert found["gen_ai.request.temperature"] == 0.9


def test_what_the_app_hands_in_is_left_as_it_was(traces: Any, fake: Any, client: Any) -> None:
    given = {**CHAT, "metadata": {"k": "v"}, "tools": [{"type": "function", "function": {"name": "f"}}]}
    before = copy.deepcopy(given)
    client.chat.completions.create(**given)
    assert given == before
    assert fake.requests[-1].body == before


def test_what_is_sent_is_the_same_with_and_without_llmtrace(traces: Any, fake: Any, client: Any) -> None:
    import llmtrace

    client.chat.completions.create(**CHAT, stream=True).close()
    llmtrace.uninstrument()
    client.chat.completions.create(**CHAT, stream=True).close()
    seen, unseen = fake.requests[-2:]
    varying = {"x-stainless-retry-count", "idempotency-key"}
    assert seen.body == unseen.body
    assert {k: v for k, v in seen.headers.items() if k.lower() not in varying} == {
        k: v for k, v in unseen.headers.items() if k.lower() not in varying
    }


def test_calls_made_under_suppress_instrumentation_are_not_seen(traces: Any, fake: Any, client: Any) -> None:
    from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value

    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
    try:
        client.chat.completions.create(**CHAT)
    finally:
        detach(token)
    assert traces.spans() == []
