"""Parameters are told as they were sent; what the app did not send, and what may be private, is not."""

from __future__ import annotations

import json
from typing import Any

from support.spans import attributes

MESSAGES: Any = [{"role": "user", "content": "hi"}]
TOOL: Any = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}


def test_a_bare_call_tells_no_parameters(traces: Any, fake: Any, client: Any) -> None:
    client.chat.completions.create(model="gpt-5", messages=MESSAGES)
    client.responses.create(model="gpt-5", input="hi")
    for span in traces.spans():
        asked = {name for name in attributes(span) if ".request." in name}
        assert asked == {"gen_ai.request.model"}


def test_a_chat_tells_what_was_sent(traces: Any, fake: Any, client: Any) -> None:
    client.chat.completions.create(
        model="gpt-5",
        messages=MESSAGES,
        reasoning_effort="low",
        verbosity="high",
        tools=[TOOL, TOOL],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        parallel_tool_calls=False,
        store=False,
        modalities=["text", "audio"],
        audio={"voice": "alloy", "format": "mp3"},
        prompt_cache_key="customer-17",
        extra_body={"top_k": 40},
    )
    found = attributes(traces.one())
    told = ("llmtrace.request.", "gen_ai.request.reasoning.")
    asked = {name: value for name, value in found.items() if name.startswith(told)}
    assert asked == {
        "gen_ai.request.reasoning.level": "low",
        "llmtrace.request.verbosity": "high",
        "llmtrace.request.tools.count": 2,
        "llmtrace.request.tools.types": ("function",),
        "llmtrace.request.tool_choice": "function",
        "llmtrace.request.parallel_tool_calls": False,
        "llmtrace.request.store": False,
        "llmtrace.request.modalities": ("text", "audio"),
        "llmtrace.request.audio.voice": "alloy",
        "llmtrace.request.audio.format": "mp3",
        "llmtrace.request.has_prompt_cache_key": True,
    }
    assert found["gen_ai.request.top_k"] == 40
    assert found["gen_ai.output.type"] == "speech"
    assert "customer-17" not in json.dumps(found)


def test_a_response_tells_what_was_sent(traces: Any, fake: Any, client: Any) -> None:
    client.responses.create(
        model="gpt-5",
        prompt={"id": "pmpt_1", "version": "3", "variables": {"name": "a secret"}},
        reasoning={"effort": "high", "summary": "auto"},
        text={"verbosity": "low"},
        tools=[{"type": "web_search"}, {"type": "function", "name": "f", "parameters": None, "strict": False}],
        tool_choice="required",
        max_tool_calls=3,
        truncation="auto",
        previous_response_id="resp_0",
        store=True,
    )
    found = attributes(traces.one())
    told = ("llmtrace.request.", "gen_ai.prompt.v", "gen_ai.request.reasoning.", "gen_ai.request.previous_response.")
    asked = {name: value for name, value in found.items() if name.startswith(told)}
    assert asked == {
        "gen_ai.prompt.version": "3",
        "gen_ai.request.reasoning.level": "high",
        "llmtrace.request.reasoning.summary": "auto",
        "llmtrace.request.verbosity": "low",
        "llmtrace.request.tools.count": 2,
        "llmtrace.request.tools.types": ("function", "web_search"),
        "llmtrace.request.tool_choice": "required",
        "llmtrace.request.max_tool_calls": 3,
        "llmtrace.request.truncation": "auto",
        "gen_ai.request.previous_response.id": "resp_0",
        "llmtrace.request.store": True,
    }
    assert found["gen_ai.prompt.name"] == "pmpt_1"
    assert "secret" not in json.dumps(found)


def test_the_app_s_word_for_the_prompt_goes_before_the_request_s(traces: Any, fake: Any, client: Any) -> None:
    import llmtrace

    with llmtrace.context(prompt="greeting"):
        client.responses.create(model="gpt-5", prompt={"id": "pmpt_1", "version": "3"})
    found = attributes(traces.one())
    assert found["gen_ai.prompt.name"] == "greeting"
    assert "gen_ai.prompt.version" not in found


def test_the_shape_of_a_chat_answer_is_told(traces: Any, fake: Any, client: Any) -> None:
    def call(name: str) -> dict[str, Any]:
        return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": '{"a": "secret"}'}}

    message = {"role": "assistant", "content": None, "tool_calls": [call("f"), call("g"), call("f"), call("no name!")]}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    fake.script("POST", "/chat/completions", {"id": "c", "model": "m", "choices": [choice, {**choice, "index": 1}]})
    client.chat.completions.create(model="m", messages=MESSAGES, n=2)
    found = attributes(traces.one())
    assert found["llmtrace.response.choices.count"] == 2
    assert found["llmtrace.response.tool_calls.count"] == 8
    assert found["llmtrace.response.tool_calls.names"] == ("f", "g")
    assert "secret" not in json.dumps(found)


def test_the_shape_of_a_responses_answer_is_told(traces: Any, fake: Any, client: Any) -> None:
    cited = {"type": "output_text", "text": "x", "annotations": [{"type": "url_citation"}, {"type": "url_citation"}]}
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"},
        {"type": "message", "role": "assistant", "content": [cited]},
    ]
    body = {
        "id": "resp_1",
        "object": "response",
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "model": "m",
        "output": output,
        "previous_response_id": "resp_0",
        "prompt_cache_diagnostics": {"type": "cache_miss", "reason": "prefix_changed", "cache_missed_tokens": 5},
    }
    fake.script("POST", "/responses", body)
    fake.script("POST", "/responses", body)
    client.responses.create(model="m", input="x")
    found = attributes(traces.one())
    assert found["llmtrace.response.output_items.count"] == 4
    assert found["llmtrace.response.tool_calls.count"] == 1
    assert found["llmtrace.response.tool_calls.names"] == ("f",)
    assert found["llmtrace.response.citations.count"] == 2
    assert found["llmtrace.response.incomplete_reason"] == "max_output_tokens"
    assert found["llmtrace.response.previous_response_id"] == "resp_0"
    assert found["llmtrace.response.prompt_cache.diagnosis"] == "cache_miss"
    assert found["llmtrace.response.prompt_cache.miss_reason"] == "prefix_changed"


def test_a_call_of_a_hundred_tools_names_thirty_two(traces: Any, fake: Any, client: Any) -> None:
    output = [{"type": "function_call", "name": f"f{n}", "arguments": "{}", "call_id": "c"} for n in range(100)]
    body = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": output}
    fake.script("POST", "/responses", body)
    client.responses.create(model="m", input="x")
    found = attributes(traces.one())
    assert found["llmtrace.response.tool_calls.count"] == 100
    assert len(found["llmtrace.response.tool_calls.names"]) == 32
