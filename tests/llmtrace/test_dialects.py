"""What providers add to an OpenAI body: filters, routing, reported cost. As reported, and no text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.spans import attributes

ASK: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
SAFE = {"filtered": False, "severity": "safe"}
CHOICE = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}


def body(**fields: Any) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [CHOICE], **fields}


def told(traces: Any) -> dict[str, Any]:
    return attributes(traces.one())


def test_azure_s_filters_are_told_by_category(traces: Any, fake: Any, client: Any) -> None:
    prompt = {"hate": SAFE, "jailbreak": {"filtered": False, "detected": True}}
    answer = {"violence": {"filtered": True, "severity": "high"}, "sexual": {"filtered": False, "severity": "low"}}
    fake.script(
        "POST",
        "/chat/completions",
        body(
            prompt_filter_results=[{"prompt_index": 0, "content_filter_results": prompt}],
            choices=[{**CHOICE, "finish_reason": "content_filter", "content_filter_results": answer}],
        ),
    )
    client.chat.completions.create(**ASK)
    found = told(traces)
    assert found["llmtrace.content_filter.prompt"] == ("jailbreak",)
    assert found["llmtrace.content_filter.completion"] == ("sexual", "violence")
    assert found["llmtrace.content_filter.withheld"] == ("violence",)


def test_azure_s_filters_in_a_stream(traces: Any, fake: Any, client: Any) -> None:
    head = {"id": "", "object": "", "model": "", "choices": []}
    prompt = [{"prompt_index": 0, "content_filter_results": {"self_harm": {"filtered": False, "severity": "medium"}}}]

    def chunk(finish: str | None, **results: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": finish, "content_filter_results": results}
        return {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}

    fake.script(
        "POST",
        "/chat/completions",
        [
            {**head, "prompt_filter_results": prompt},
            chunk(None, hate=SAFE),
            chunk(None, hate={"filtered": True, "severity": "high"}),
            chunk("content_filter", hate=SAFE),
            "[DONE]",
        ],
    )
    list(client.chat.completions.create(**ASK, stream=True))
    found = told(traces)
    assert found["llmtrace.content_filter.prompt"] == ("self_harm",)
    assert found["llmtrace.content_filter.completion"] == found["llmtrace.content_filter.withheld"] == ("hate",)


def test_a_prompt_azure_refuses_tells_the_filter(traces: Any, scripted: Any) -> None:
    import openai

    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {
        "violence": {"filtered": True, "severity": "high"}, "hate": SAFE}}  # fmt: skip
    error = {"code": "content_filter", "message": "a secret", "innererror": inner}
    scripted.answers({"error": error}, status=400)
    with pytest.raises(openai.BadRequestError):
        scripted.sync.chat.completions.create(**ASK)
    found = told(traces)
    assert found["llmtrace.content_filter.prompt"] == found["llmtrace.content_filter.withheld"] == ("violence",)
    assert found["llmtrace.error.code"] == "content_filter"
    assert "secret" not in json.dumps(found)


@pytest.mark.parametrize("stream", [False, True])
def test_openrouter_tells_who_ran_it_and_what_it_took(stream: bool, traces: Any, fake: Any, client: Any) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "cost": 0.00014}
    routed = {"provider": "Google AI Studio", "usage": usage}
    if stream:
        choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": "stop", "native_finish_reason": "STOP"}
        head = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
        fake.script("POST", "/chat/completions", [{**head, **routed}, "[DONE]"])
        list(client.chat.completions.create(**ASK, stream=True))
    else:
        routed["choices"] = [{**CHOICE, "native_finish_reason": "STOP"}]
        fake.script("POST", "/chat/completions", body(**routed))
        client.chat.completions.create(**ASK)
    found = told(traces)
    assert found["llmtrace.response.upstream_provider"] == "Google AI Studio"
    assert found["llmtrace.response.native_finish_reasons"] == ("STOP",)
    assert found["llmtrace.cost.reported"] == "0.00014"
    assert found["gen_ai.usage.input_tokens"] == 5


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0}, "0"),
        ({"cost": 1e-7}, "0.0000001"),
        ({"cost": {"total_cost": 0.006, "input_tokens_cost": 0.001}}, "0.006"),  # Perplexity
        ({"cost_in_usd_ticks": 37756000}, "0.0037756"),  # xAI
        ({"cost": "free"}, None),
        ({"cost": -1}, None),
        ({"cost": True}, None),
    ],
)
def test_a_reported_cost_is_told_as_it_was_reported(
    usage: Any, cost: str | None, traces: Any, fake: Any, client: Any
) -> None:
    fake.script("POST", "/chat/completions", body(usage={"prompt_tokens": 1, "completion_tokens": 1, **usage}))
    client.chat.completions.create(**ASK)
    assert told(traces).get("llmtrace.cost.reported") == cost


def test_groq_s_usage_is_found_where_its_streams_had_it(traces: Any, fake: Any, client: Any) -> None:
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": None}
    head = {"id": "c", "object": "chat.completion.chunk", "model": "m"}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "queue_time": 0.25}
    fake.script(
        "POST",
        "/chat/completions",
        [
            {**head, "choices": [choice], "x_groq": {"id": "req_1"}},
            {**head, "choices": [{**choice, "finish_reason": "stop"}], "x_groq": {"id": "req_1", "usage": usage}},
            "[DONE]",
        ],
    )
    list(client.chat.completions.create(**ASK, stream=True))
    found = told(traces)
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (3, 4)
    assert found["llmtrace.response.queue_time"] == 0.25


def test_perplexity_tells_its_searches_and_sources(traces: Any, fake: Any, client: Any) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "num_search_queries": 3}
    sources = ["https://secret.example/1", "https://secret.example/2"]
    fake.script("POST", "/chat/completions", body(usage=usage, citations=sources, search_results=[{"title": "x"}] * 2))
    client.chat.completions.create(**ASK)
    found = told(traces)
    assert found["llmtrace.usage.search_queries"] == 3
    assert found["llmtrace.response.citations.count"] == 2
    assert "secret" not in json.dumps(found)
