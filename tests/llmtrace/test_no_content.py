"""With content off, which is the default, no text of a request or an answer leaves the process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

import llmtrace
from llmtrace.testing import FakeReply
from support.replay import Recording, call, missing_reason, recordings

LEAST = 12
"""Shorter texts are words, and may stand anywhere."""
# Names, ids and words of the API; attributes tell them, each under a name of its own.
NOT_CONTENT = {
    *("id", "object", "type", "role", "status", "model", "service_tier", "system_fingerprint", "finish_reason"),
    *("call_id", "item_id", "tool_call_id", "response_id", "previous_response_id", "conversation"),
    *("code", "prompt_cache_key", "safety_identifier", "user"),
}
TOOL_FIELDS = {"arguments", "parameters"}
"""What has one of them is a tool or a call of one: its name is told, for it is the app's own word."""
OUR_OWN = {"opentelemetry"}
"""What every export says of itself."""
_RECORDED = [] if missing_reason() else recordings()


def _texts(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, str) and key not in NOT_CONTENT:
        yield value
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry, key)
    elif isinstance(value, dict):
        is_tool = not TOOL_FIELDS.isdisjoint(value)
        for name, entry in value.items():
            if not (is_tool and name == "name"):
                yield from _texts(entry, name)


def _answered(recording: Recording) -> Iterator[Any]:
    lines = recording.body.splitlines() if recording.stream else [recording.body]
    for line in lines:
        try:
            yield json.loads(line.removeprefix("data:"))
        except ValueError:
            continue


def _content(recording: Recording) -> set[str]:
    bodies = [recording.request, *_answered(recording)]
    texts = {text for body in bodies for text in _texts(body)}
    words = {word for text in texts for word in text.split("\n")}
    return {text.strip() for text in texts | words if len(text.strip()) >= LEAST} - OUR_OWN


def _exported(traces: Any) -> bytes:
    return bytes(encode_spans(traces.spans()).SerializeToString())


@pytest.mark.skipif(missing_reason() is not None, reason=missing_reason() or "")
def test_no_text_of_any_recorded_call_is_in_an_exported_byte(traces: Any) -> None:
    for recording in _RECORDED:
        call(recording)
    exported = _exported(traces)
    content = {text for recording in _RECORDED for text in _content(recording)}
    assert len(content) > 500
    assert sorted(text for text in content if text.encode("utf-8", "replace") in exported) == []


@pytest.mark.skipif(missing_reason() is not None, reason=missing_reason() or "")
def test_the_same_texts_are_found_when_content_is_on(traces: Any) -> None:
    # Without this the test above might look for what could never be there.
    llmtrace.uninstrument()
    llmtrace.instrument(traces.provider, export="none", capture_content=True, redact="none")
    for recording in _RECORDED:
        call(recording)
    exported = _exported(traces)
    content = {text for recording in _RECORDED for text in _content(recording) if text.isascii() and '"' not in text}
    found = [text for text in content if text.encode() in exported]
    assert len(found) > len(content) * 0.3


SECRET = "a private matter of forty letters or so"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("tool", [None, ("function_of_the_app", {"private_argument": SECRET})])
def test_no_text_of_any_place_of_a_call_is_in_an_exported_byte(
    stream: bool, tool: Any, traces: Any, fake_and_client: Any
) -> None:
    fake, client = fake_and_client
    fake.plan = lambda _: FakeReply(text=SECRET, tool=tool)
    function = {"name": "function_of_the_app", "description": SECRET, "parameters": {"title": SECRET}}
    messages: Any = [
        {"role": "system", "content": SECRET},
        {"role": "user", "content": [{"type": "text", "text": SECRET}], "name": "private_name_of_a_user"},
        {"role": "tool", "tool_call_id": "c1", "content": SECRET},
    ]
    tools: Any = [{"type": "function", "function": function}]
    metadata = {"private_key_of_metadata": SECRET}
    asked: Any = {"model": "gpt-4o", "messages": messages, "tools": tools, "metadata": metadata, "stream": stream}
    answer = client.chat.completions.create(**asked)
    list(answer) if stream else None
    answer = client.responses.create(model="gpt-4o", input=SECRET, instructions=SECRET, stream=stream)
    list(answer) if stream else None
    fake.fail_next(400)
    with pytest.raises(Exception, match=r"."):
        client.chat.completions.create(**asked)
    exported = _exported(traces)
    assert SECRET.encode() not in exported
    assert b"private_" not in exported


def test_an_error_that_quotes_the_prompt_stays_inside(traces: Any, scripted: Any) -> None:
    scripted.answers({"error": {"message": SECRET, "type": SECRET, "code": SECRET, "param": SECRET}}, status=400)
    with pytest.raises(Exception, match="private matter"):
        scripted.sync.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": SECRET}])
    assert SECRET.encode() not in _exported(traces)
