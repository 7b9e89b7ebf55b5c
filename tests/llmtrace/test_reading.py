"""Reading bodies: exact for what providers send, silent for what they should not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.calls import ToolCalls, Usage
from llmtrace.reading.content import read_content
from llmtrace.reading.events import read_events
from llmtrace.reading.replies import parse_reply, read_reply
from llmtrace.reading.streamed import add_up
from llmtrace.reading.usage import read_usage

COUNT = st.integers(0, 10**9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
KEYS = ["id", "model", "choices", "message", "delta", "usage", "output", "error", "finish_reason", "status", "content"]
SHAPED = st.recursive(
    JSON,
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=6) | st.lists(inner, max_size=2),
    max_leaves=20,
)


@given(input_=COUNT, output=COUNT, cached=COUNT, reasoning=COUNT)
def test_chat_and_responses_spell_the_same_counts(input_: int, output: int, cached: int, reasoning: int) -> None:
    chat = {
        "prompt_tokens": input_,
        "completion_tokens": output,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    responses = {
        "input_tokens": input_,
        "output_tokens": output,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens_details": {"reasoning_tokens": reasoning},
    }
    expected = Usage(input=input_, output=output, cache_read=cached, reasoning=reasoning)
    assert read_usage(chat) == read_usage(responses) == expected


@given(JSON)
def test_usage_of_any_shape_is_read_or_not_but_never_raises(block: Any) -> None:
    usage = read_usage(block)
    assert usage is None or isinstance(usage, Usage)


@pytest.mark.parametrize("value", [-1, 1.5, True, "3", None, [3]])
def test_what_is_no_count_is_absent(value: Any) -> None:
    assert read_usage({"prompt_tokens": value}) is None


@given(body=st.dictionaries(st.sampled_from(KEYS), SHAPED, max_size=8), wire=st.sampled_from(["chat", "responses"]))
def test_replies_of_any_shape_are_read_without_a_fault(body: Any, wire: str) -> None:
    read_reply(wire, body)
    read_content(wire, {"messages": body.get("choices"), "input": body.get("output")}, body)


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), SHAPED, max_size=5), max_size=4))
def test_streams_of_any_shape_are_added_up_without_a_fault(payloads: Any) -> None:
    body = b"".join(b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in payloads)
    events = read_events([(1, body)])
    for wire in ("chat", "responses"):
        read_reply(wire, add_up(wire, events).body)


@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=20)),
    ending=st.sampled_from(["\n", "\r\n", "\r"]),
    size=st.integers(1, 50),
)
def test_events_are_the_same_however_the_network_cuts_them(texts: list[str], ending: str, size: int) -> None:
    body = "".join(f"data: {json.dumps(text)}{ending}{ending}" for text in texts).encode()
    chunks = [(at, body[at : at + size]) for at in range(0, len(body), size)]
    events = read_events(chunks)
    assert [event.json() for event in events] == texts
    times = [event.at_ns or 0 for event in events]
    assert times == sorted(times)


def test_comments_and_an_unfinished_event_are_no_events() -> None:
    body = b": PROCESSING\n\nevent: x\ndata: 1\ndata: 2\n\ndata: unfinished"
    assert [(event.name, event.data) for event in read_events([(5, body)])] == [("x", "1\n2")]


def test_nothing_after_done_counts() -> None:
    events = read_events([(1, b"data: {}\n\ndata: [DONE]\n\ndata: {}\n\n")])
    assert [event.data for event in events] == ["{}", "[DONE]"]


@pytest.mark.parametrize("usage_first", [False, True])
def test_a_large_embeddings_body_is_read_around_its_vectors(usage_first: bool) -> None:
    usage = {"usage": {"prompt_tokens": 7, "total_tokens": 7}}
    data = {"data": [{"embedding": [0.5] * 100_000}], "model": "text-embedding-3-small"}
    body = json.dumps({**usage, **data} if usage_first else {**data, **usage}).encode()
    reply = read_reply("embeddings", parse_reply(body))
    assert reply.model == "text-embedding-3-small"
    assert reply.usage == Usage(input=7, total=7)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>", b"\xff\xfe"])
def test_a_body_that_is_no_object_reads_as_nothing(body: bytes) -> None:
    assert parse_reply(body) == {}


def test_tools_the_provider_ran_are_named() -> None:
    output = [{"type": "web_search_call"}, {"type": "function_call"}, {"type": "message"}]
    assert read_reply("responses", {"output": output}).tools == (ToolCalls(tool="web_search", count=1),)
