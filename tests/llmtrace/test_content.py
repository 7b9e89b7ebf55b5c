"""Content is off by default; when it is on, messages follow the JSON of the GenAI conventions."""

from __future__ import annotations

import json
from typing import Any

import pytest

import llmtrace
from llmtrace.reading.blobs import without_blobs
from llmtrace.reading.content import read_content
from llmtrace.reading.limits import Limits, bounded, encoded
from llmtrace.testing import FakeReply
from support.spans import attributes

CONTENT = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
)
TOOL: Any = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
CHAT: Any = {
    "model": "gpt-4o",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi there"}],
    "tools": [TOOL],
}


@pytest.fixture
def capturing(traces: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    llmtrace.uninstrument()
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")
    llmtrace.instrument(traces.provider, export="none")
    return traces


def _content(traces: Any) -> dict[str, Any]:
    found = attributes(traces.one())
    return {name: json.loads(found[name]) for name in CONTENT if name in found}


def test_no_content_is_captured_by_default(traces: Any, fake: Any, client: Any) -> None:
    client.chat.completions.create(**CHAT)
    text = str(attributes(traces.one()))
    assert _content(traces) == {}
    assert "hi there" not in text
    assert "forty-two" not in text


@pytest.mark.parametrize(
    ("value", "captured"), [("true", True), ("span_only", True), ("no_content", False), ("false", False), ("", False)]
)
def test_the_switch_of_opentelemetry_is_heeded(
    value: str, captured: bool, traces: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    llmtrace.uninstrument()
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value)
    llmtrace.instrument(traces.provider, export="none")
    client.chat.completions.create(**CHAT)
    assert bool(_content(traces)) == captured


def test_chat_messages_and_tools_are_captured(capturing: Any, fake: Any, client: Any) -> None:
    client.chat.completions.create(**CHAT)
    answer = "The answer is forty-two."
    assert _content(capturing) == {
        "gen_ai.input.messages": [
            {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
            {"role": "user", "parts": [{"type": "text", "content": "hi there"}]},
        ],
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}
        ],
        "gen_ai.tool.definitions": [{"type": "function", "name": "find", "parameters": {"type": "object"}}],
    }


@pytest.mark.parametrize("tool", [None, ("find", {"order": "A-1"})])
def test_a_stream_captures_what_the_same_call_captures_unstreamed(
    tool: Any, capturing: Any, fake: Any, client: Any
) -> None:
    fake.plan = lambda _: FakeReply(tool=tool)
    client.chat.completions.create(**CHAT)
    list(client.chat.completions.create(**CHAT, stream=True))
    client.responses.create(model="gpt-4o", input="hi", instructions="Be brief.")
    list(client.responses.create(model="gpt-4o", input="hi", instructions="Be brief.", stream=True))
    captured = [{name: attributes(span).get(name) for name in CONTENT} for span in capturing.spans()]
    assert captured[0] == captured[1]
    assert captured[2] == captured[3]
    assert json.loads(captured[2]["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]


def test_a_tool_call_is_captured_with_its_arguments_as_an_object(capturing: Any, fake: Any, client: Any) -> None:
    fake.plan = lambda _: FakeReply(tool=("find", {"order": "A-1"}))
    client.chat.completions.create(**CHAT)
    assert _content(capturing)["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "call_1", "name": "find", "arguments": {"order": "A-1"}}],
            "finish_reason": "tool_call",
        }
    ]


def test_the_error_message_is_content(capturing: Any, fake: Any, client: Any) -> None:
    fake.fail_next(429)
    with pytest.raises(Exception, match="Rate limit"):
        client.chat.completions.create(**CHAT)
    assert capturing.one().status.description == "Rate limit reached for requests."


def _input(message: Any) -> Any:
    return without_blobs(read_content("chat", {"messages": [message]}, {}).input_messages)[0]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "text": "a"}, {"type": "text", "content": "a"}),
        (
            {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
            {"type": "uri", "modality": "image", "uri": "https://x.test/a.png"},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
            {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "QUJD"},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
            {"type": "blob", "modality": "audio", "mime_type": "audio/mp3", "content": "QUJD"},
        ),
        (
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "file", "modality": "document", "file_id": "file-1"},
        ),
        ({"type": "new_kind", "x": 1}, {"type": "new_kind", "x": 1}),
    ],
)
def test_each_kind_of_part_has_its_place(part: Any, expected: Any) -> None:
    assert _input({"role": "user", "content": [part]}) == {"role": "user", "parts": [expected]}


def test_a_tool_s_answer_is_a_tool_call_response() -> None:
    assert _input({"role": "tool", "tool_call_id": "c1", "content": "42"}) == {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "c1", "response": "42"}],
    }


def test_items_of_a_responses_call_have_their_place() -> None:
    given = [
        {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "b"}], "encrypted_content": "zzz"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "42"},
        {"type": "web_search_call", "id": "w1", "status": "completed"},
    ]
    found = read_content("responses", {"input": given}, {}).input_messages
    assert "zzz" not in str(found)
    assert [(message["role"], message["parts"][0]["type"]) for message in found] == [
        ("user", "text"),
        ("assistant", "reasoning"),
        ("assistant", "tool_call"),
        ("tool", "tool_call_response"),
        ("assistant", "server_tool_call"),
    ]


BASE64 = "A" * 400_000


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}"}},
        {"type": "input_audio", "input_audio": {"data": BASE64, "format": "mp3"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{BASE64}"}},
        {"type": "new_kind", "source": {"url": f"data:image/png;base64,{BASE64}"}},
    ],
)
def test_a_large_file_gives_way_to_its_size(part: Any) -> None:
    text = json.dumps(_input({"role": "user", "content": [part]}))
    assert len(text) < 1000
    assert "bytes left out" in text


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "x" * 3_000_000}],
        [{"role": "user", "content": "é" * 300} for _ in range(20_000)],
    ],
)
def test_content_beyond_the_limit_is_cut_says_so_and_is_still_json(messages: Any) -> None:
    kept = bounded(read_content("chat", {"messages": messages}, {}).input_messages, Limits())
    assert len(encoded(kept)) <= Limits().attribute_chars
    assert "[llmtrace: " in encoded(kept)
    assert kept[0]["parts"][0]["content"].startswith(messages[0]["content"][:9])
    assert kept[-1]["role"] == "user"
