"""Seconds per output token: told of a stream whose usage is known, and left untold where it would be another figure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from llmtrace.testing import frozen_clock
from support.releases import http as httpx2
from support.spans import attributes

PACE = "llmtrace.response.time_per_output_token"
CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True}
RESPONSE: Any = {"model": "gpt-5", "input": "hi", "stream": True}


class _Paced(httpx2.SyncByteStream):
    """Events, with half a second before each."""

    def __init__(self, events: list[bytes], advance: Callable[[float], None]) -> None:
        self._events = events
        self._advance = advance

    def __iter__(self) -> Iterator[bytes]:
        for event in self._events:
            self._advance(0.5)
            yield event


def _event(payload: Any) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def _chunk(delta: Any = None, finish: str | None = None, index: int = 0, **fields: Any) -> bytes:
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish}]
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    return _event({**head, "choices": choices, **fields})


def _usage(output: int, reasoning: int = 0) -> Any:
    details = {"completion_tokens_details": {"reasoning_tokens": reasoning}} if reasoning else {}
    return {"usage": {"prompt_tokens": 3, "completion_tokens": output, "total_tokens": 3 + output, **details}}


def _pace_of(traces: Any, events: list[bytes], *, responses: bool = False, **options: Any) -> float | None:
    with frozen_clock() as clock:
        headers = {"content-type": "text/event-stream"}
        transport = httpx2.MockTransport(
            lambda _: httpx2.Response(200, headers=headers, stream=_Paced(events, clock.advance))
        )
        with openai.OpenAI(api_key="x", http_client=httpx2.Client(transport=transport)) as client:
            list(
                client.responses.create(**RESPONSE, **options)
                if responses
                else client.chat.completions.create(**CHAT, **options)
            )
        pace: float | None = attributes(traces.one()).get(PACE)
        return pace


TEXT = [_chunk({"role": "assistant", "content": ""}), _chunk({"content": "he"}), _chunk({"content": "y"}, "stop")]


def test_the_pace_is_the_time_after_the_first_token_over_the_tokens_after_it(traces: Any) -> None:
    # "he" comes at 1.0 s, the usage at 2.0 s: one second for the four tokens that followed the first.
    assert _pace_of(traces, [*TEXT, _chunk(**_usage(5))]) == 0.25


@pytest.mark.parametrize(
    ("what", "events", "options"),
    [
        ("usage was not reported", TEXT, {}),
        ("there was one token", [*TEXT, _chunk(**_usage(1))], {}),
        ("the server cut it off", [*TEXT[:2], _chunk({"content": "y"}, **_usage(5))], {}),
        ("choices came side by side", [*TEXT, _chunk({"content": "o"}, "stop", 1), _chunk(**_usage(5))], {"n": 2}),
        ("nothing but reasoning was reported", [*TEXT, _chunk(**_usage(5, 5))], {}),
        ("all came at once", [b"".join([*TEXT, _chunk(**_usage(5))])], {}),
    ],
)
def test_no_pace_is_told_when(what: str, events: list[bytes], options: Any, traces: Any) -> None:
    assert _pace_of(traces, events, **options) is None, what


def test_hidden_reasoning_came_before_the_first_token_and_is_not_counted(traces: Any) -> None:
    assert _pace_of(traces, [*TEXT, _chunk(**_usage(105, 100))]) == 0.25


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_that_is_streamed_is_counted(key: str, traces: Any) -> None:
    thought = _chunk({"role": "assistant", key: "hm"})
    assert _pace_of(traces, [thought, *TEXT[1:], _chunk(**_usage(7, 2))]) == 0.25


def _response(output: list[Any], reasoning: int) -> list[bytes]:
    usage = {"input_tokens": 3, "output_tokens": 105, "output_tokens_details": {"reasoning_tokens": reasoning}}
    done = {"id": "r1", "object": "response", "created_at": 1, "model": "gpt-5", "status": "completed"}
    return [
        _event({"type": "response.output_text.delta", "delta": "he"}),
        _event({"type": "response.completed", "response": {**done, "output": output, "usage": usage}}),
    ]


MESSAGE = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "he"}]}


@pytest.mark.parametrize(
    ("output", "pace"),
    [
        ([{"type": "reasoning", "summary": []}, MESSAGE], 0.125),
        ([{"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}], 0.5 / 104),
        ([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}, MESSAGE], None),
        ([{"type": "web_search_call", "id": "w1", "status": "completed"}, MESSAGE], None),
    ],
    ids=["hidden reasoning", "streamed reasoning", "summary of reasoning", "a tool of the provider"],
)
def test_a_response_tells_its_pace_when_its_tokens_all_came(output: Any, pace: float | None, traces: Any) -> None:
    assert _pace_of(traces, _response(output, 100), responses=True) == pace
