"""Confidence, refusal, truncation and validity of structured answers: told from what the provider reports."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmtrace.reading import schemas
from llmtrace.reading.schemas import Unchecked, satisfies
from support.scripted import Scripted, chat_body, chat_chunk, response_body, said

ASK: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Where?"}]}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
JSON_OBJECT = {"type": "json_object"}


def json_schema(schema: Any) -> Any:
    return {"type": "json_schema", "json_schema": {"name": "city", "schema": schema, "strict": True}}


@pytest.fixture(params=["sync", "async"])
def chat(request: Any, scripted: Scripted, traces: Any, run: Any) -> Iterator[Any]:
    """Makes a chat call, sync or async, to its end; the attributes of its span."""

    def call(*answer: Any, **arguments: Any) -> dict[str, Any]:
        streamed = arguments.get("stream", False)
        scripted.streams(*answer) if streamed else scripted.answers(answer[0])
        if request.param == "sync":
            made = scripted.sync.chat.completions.create(**{**ASK, **arguments})
            list(made) if streamed else None
            return dict(traces.one().attributes)

        async def go() -> None:
            made: Any = await scripted.asynchronous.chat.completions.create(**{**ASK, **arguments})
            if streamed:
                [chunk async for chunk in made]

        run(go())
        return dict(traces.one().attributes)

    return call


@pytest.fixture
def respond(scripted: Scripted, traces: Any) -> Any:
    """Makes a responses call; the attributes of its span."""

    def call(*answer: Any, **arguments: Any) -> dict[str, Any]:
        arguments = {"model": "gpt-4o", "input": "Where?", **arguments}
        if arguments.get("stream"):
            scripted.streams(*answer)
            list(scripted.sync.responses.create(**arguments))
        else:
            scripted.answers(answer[0])
            scripted.sync.responses.create(**arguments)
        return dict(traces.one().attributes)

    return call


def tokens(*logprobs: Any) -> list[Any]:
    return [{"token": "t", "logprob": value, "bytes": None, "top_logprobs": []} for value in logprobs]


# --- confidence -------------------------------------------------------------------------------------------------

FIGURES = {
    "llmtrace.confidence.tokens": 4,
    "llmtrace.confidence.unlikely_tokens": 0,
    "llmtrace.confidence.low_share": 0.25,
    "llmtrace.confidence.mean_logprob": pytest.approx(-0.575),
    "llmtrace.confidence.min_logprob": -2.0,
    "llmtrace.confidence.perplexity": pytest.approx(math.exp(0.575)),
}


def confidence(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name.startswith("llmtrace.confidence.")}


def test_confidence_counts_every_token_of_every_choice_once(chat: Any) -> None:
    logprobs = [{"content": tokens(-0.1, -0.2)}, {"content": tokens(-2.0), "refusal": tokens(0.0)}]
    found = chat(chat_body({"content": "a"}, {"content": "b"}, logprobs=logprobs), n=2, logprobs=True)
    assert confidence(found) == {
        **FIGURES,
        "llmtrace.confidence.mean_logprob": pytest.approx(-0.575),
    }


def test_confidence_of_a_stream_is_that_of_the_whole_answer(chat: Any) -> None:
    found = chat(
        chat_chunk({"role": "assistant", "content": ""}, logprobs=None),
        chat_chunk({"content": "a"}, logprobs={"content": tokens(-0.1, -0.2), "refusal": None}),
        chat_chunk({"content": "b"}, logprobs={"content": tokens(-2.0, 0.0)}),
        chat_chunk({}, "stop"),
        "[DONE]",
        stream=True,
    )
    assert confidence(found) == FIGURES


def test_confidence_of_a_responses_answer_streamed_or_not(respond: Any) -> None:
    item = said("a b", logprobs=tokens(-0.1, -0.2, -2.0, 0.0))
    assert confidence(respond(response_body(item))) == FIGURES


def test_confidence_of_a_responses_stream_that_was_cut_off_is_that_of_what_came(respond: Any) -> None:
    at = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "sequence_number": 1}
    found = respond(
        {"type": "response.created", "response": response_body(status="in_progress"), "sequence_number": 0},
        {"type": "response.output_text.delta", **at, "delta": "a", "logprobs": tokens(-0.1, -0.2)},
        {"type": "response.output_text.delta", **at, "delta": "b", "logprobs": tokens(-2.0, 0.0)},
        stream=True,
    )
    assert found["llmtrace.response.stream_end"] == "cut_off"
    assert confidence(found) == FIGURES


def test_confidence_of_legacy_completions_passes_over_the_first_token_s_null(scripted: Scripted, traces: Any) -> None:
    choice = {"index": 0, "text": "a b", "finish_reason": "stop"}
    scripted.answers(
        {
            "id": "c",
            "object": "text_completion",
            "created": 1,
            "model": "m",
            "choices": [{**choice, "logprobs": {"token_logprobs": [None, -0.1, -0.2, -2.0, 0.0]}}],
        }
    )
    scripted.sync.completions.create(model="gpt-3.5-turbo-instruct", prompt="x", logprobs=1)
    assert confidence(dict(traces.one().attributes)) == FIGURES


@pytest.mark.parametrize("unlikely", [-9999.0, float("-inf"), -1e30])
def test_a_token_of_unknown_improbability_ruins_neither_mean_nor_perplexity(chat: Any, unlikely: float) -> None:
    found = chat(chat_body({"content": "a"}, logprobs=[{"content": tokens(-0.5, unlikely)}]))
    assert confidence(found) == {
        "llmtrace.confidence.tokens": 2,
        "llmtrace.confidence.unlikely_tokens": 1,
        "llmtrace.confidence.low_share": 0.5,
        "llmtrace.confidence.mean_logprob": -0.5,
        "llmtrace.confidence.min_logprob": -0.5,
        "llmtrace.confidence.perplexity": pytest.approx(math.exp(0.5)),
    }


@pytest.mark.parametrize("reported", [None, {}, {"content": []}, {"content": None}, {"content": tokens(None)}])
def test_without_logprobs_there_is_no_confidence(chat: Any, reported: Any) -> None:
    assert confidence(chat(chat_body({"content": "a"}, logprobs=[reported]))) == {}


def test_what_is_no_logprob_is_passed_over(chat: Any) -> None:
    odd = tokens(float("nan"), "x", None, True, 3.0, [], -0.5, 0.001)
    found = chat(chat_body({"content": "a"}, logprobs=[{"content": [*odd, 7, None]}]))
    assert found["llmtrace.confidence.tokens"] == 2
    assert found["llmtrace.confidence.mean_logprob"] == -0.25


# --- refusal, truncation, emptiness -----------------------------------------------------------------------------


def verdict(found: dict[str, Any]) -> dict[str, Any]:
    names = ("refused", "truncated", "empty")
    return {name: found[key] for name in names if (key := f"llmtrace.output.{name}") in found}


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CUSTOM = {"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}


@pytest.mark.parametrize(
    ("message", "finish", "true"),
    [
        ({"content": "Here."}, "stop", set()),
        ({"refusal": "I can't."}, "stop", {"refused"}),
        ({"content": ""}, "content_filter", {"refused"}),
        ({"content": "He"}, "length", {"truncated"}),
        ({"content": None}, "length", {"truncated", "empty"}),
        ({"content": " \n"}, "stop", {"empty"}),
        ({"content": "", "reasoning_content": "Hm."}, "stop", {"empty"}),
        ({"tool_calls": [CALL]}, "tool_calls", set()),
        ({"tool_calls": [CUSTOM]}, "tool_calls", set()),
        ({"audio": {"id": "a", "data": "", "expires_at": 1, "transcript": ""}}, "stop", set()),
    ],
)
def test_a_chat_answer_says_whether_it_was_refused_cut_short_or_empty(
    chat: Any, message: Any, finish: str, true: set[str]
) -> None:
    found = verdict(chat(chat_body(message, finish=finish)))
    assert found == {name: name in true for name in ("refused", "truncated", "empty")}


def test_one_choice_is_enough(chat: Any) -> None:
    found = verdict(chat(chat_body({"content": "a"}, {"refusal": "no"}), n=2))
    assert found == {"refused": True, "truncated": False, "empty": False}


@pytest.mark.parametrize(
    ("body", "true"),
    [
        (response_body(said("Here.")), set()),
        (response_body({**said(""), "content": [{"type": "refusal", "refusal": "No."}]}), {"refused"}),
        (response_body(status="incomplete", incomplete_details={"reason": "content_filter"}), {"refused"}),
        (
            response_body(said("He"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            {"truncated"},
        ),
        (response_body({"type": "reasoning", "id": "r", "summary": []}), {"empty"}),
        (response_body({"type": "image_generation_call", "id": "i", "status": "completed", "result": ""}), set()),
    ],
)
def test_a_responses_answer_says_whether_it_was_refused_cut_short_or_empty(
    respond: Any, body: Any, true: set[str]
) -> None:
    assert verdict(respond(body)) == {name: name in true for name in ("refused", "truncated", "empty")}


@pytest.mark.parametrize("status", ["in_progress", "queued", "cancelled"])
def test_an_answer_still_to_come_has_no_verdict(respond: Any, status: str) -> None:
    assert verdict(respond(response_body(status=status))) == {}


def test_a_streamed_refusal_is_told(chat: Any) -> None:
    events = [chat_chunk({"refusal": "I "}), chat_chunk({"refusal": "can't."}), chat_chunk({}, "stop")]
    assert verdict(chat(*events, "[DONE]", stream=True)) == {"refused": True, "truncated": False, "empty": False}


def test_of_a_stream_cut_off_only_a_refusal_that_was_seen_is_told(chat: Any) -> None:
    assert verdict(chat(chat_chunk({"refusal": "I "}), stream=True)) == {"refused": True}


def test_a_stream_cut_off_has_no_other_verdict(chat: Any) -> None:
    found = chat(chat_chunk({"content": "{"}), stream=True, response_format=JSON_OBJECT)
    assert verdict(found) == {}
    assert found["llmtrace.output.unchecked_reason"] == "not_finished"


def test_a_call_that_failed_has_no_verdict(traces: Any, fake_and_client: Any) -> None:
    import openai

    _, client = fake_and_client
    with pytest.raises(openai.NotFoundError):
        client.with_options(base_url=f"{client.base_url}nowhere/").chat.completions.create(**ASK)
    assert verdict(dict(traces.one().attributes)) == {}


@pytest.mark.parametrize("head", ['{"choices": ', '{"choices": [{"message": {"content": '])
def test_a_body_nested_without_end_tells_nothing_and_raises_nothing(traces: Any, scripted: Scripted, head: str) -> None:
    scripted.answers_text(head + "[" * 200_000)
    scripted.sync.chat.completions.with_raw_response.create(**ASK)
    assert verdict(dict(traces.one().attributes)) == {}
    scripted.answers_text(head + "[" * 200_000 + "]" * 200_000 + "}" * head.count("{"))
    scripted.sync.chat.completions.with_raw_response.create(**ASK)
    assert len(traces.spans()) == 2


# --- structured output ------------------------------------------------------------------------------------------


def output(found: dict[str, Any], of: str = "output") -> tuple[Any, Any, Any]:
    names = ("json_valid", "schema_valid", "unchecked_reason")
    json_valid, schema_valid, reason = (found.get(f"llmtrace.{of}.{name}") for name in names)
    return json_valid, schema_valid, reason


@pytest.mark.parametrize(
    ("text", "asked", "expected"),
    [
        ('{"city": "Bern"}', None, (None, None, None)),
        ('{"city": "Bern"}', {"type": "text"}, (None, None, None)),
        ('{"city": "Bern"}', JSON_OBJECT, (True, None, None)),
        ('```json\n{"city": "Bern"}\n```', JSON_OBJECT, (False, None, None)),
        ('{"a": NaN}', JSON_OBJECT, (False, None, None)),
        ('{"a": ' + "9" * 5000 + "}", JSON_OBJECT, (True, None, None)),
        ("[" * 100_000, JSON_OBJECT, (None, None, "too_deep")),
        ('"' + "x" * 1_000_001 + '"', JSON_OBJECT, (None, None, "too_large")),
        ('{"city": "Bern"}', json_schema(CITY), (True, True, None)),
        ('{"city": 7}', json_schema(CITY), (True, False, None)),
        ('{"city": "Bern", "mayor": 1}', json_schema(CITY), (True, False, None)),
        ("Bern", json_schema(CITY), (False, False, None)),
        ('{"city": "Bern"}', json_schema(None), (True, None, "schema_missing")),
        ('{"city": "Bern"}', json_schema({"type": "citty"}), (True, None, "schema_invalid")),
        ('{"city": "Bern"}', json_schema({"$ref": "http://127.0.0.1:1/x"}), (True, None, "schema_unsupported")),
        ('{"city": "Bern"}', json_schema({"$ref": "file:///etc/passwd"}), (True, None, "schema_unsupported")),
        ('{"city": "\\ud800"}', json_schema(CITY), (True, True, None)),
    ],
)
def test_an_answer_is_held_against_the_format_that_was_asked_for(
    chat: Any, text: str, asked: Any, expected: Any
) -> None:
    arguments = {} if asked is None else {"response_format": asked}
    assert output(chat(chat_body({"content": text}), **arguments)) == expected


@pytest.mark.parametrize(
    ("message", "finish", "reason"),
    [
        ({"refusal": "I can't."}, "stop", "refused"),
        ({"content": '{"ci'}, "length", "truncated"),
        ({"tool_calls": [CALL]}, "tool_calls", "tool_calls"),
    ],
)
def test_what_is_no_whole_answer_is_not_held_against_the_format(
    chat: Any, message: Any, finish: str, reason: str
) -> None:
    found = chat(chat_body(message, finish=finish), response_format=json_schema(CITY))
    assert output(found) == (None, None, reason)


def test_a_responses_answer_is_held_against_its_text_format(respond: Any) -> None:
    commentary = {**said("Let me see."), "phase": "commentary"}
    body = response_body(commentary, said('{"city": "Bern"}'))
    asked = {"format": {"type": "json_schema", "name": "city", "schema": CITY, "strict": True}}
    assert output(respond(body, text=asked)) == (True, True, None)


def test_a_streamed_answer_is_held_against_its_format(chat: Any) -> None:
    events = [chat_chunk({"content": '{"city":'}), chat_chunk({"content": " 7}"}), chat_chunk({}, "stop")]
    assert output(chat(*events, "[DONE]", stream=True, response_format=json_schema(CITY))) == (True, False, None)


def called(arguments: Any, name: str = "look_up") -> Any:
    return {"tool_calls": [{"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}]}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (called('{"city": "Bern"}'), (True, True, None)),
        (called('{"city": 7}'), (True, False, None)),
        (called('{"city": "Be'), (False, False, None)),
        (called("{}", name="anything"), (True, None, None)),
        (called("{}", name="made_up"), (True, None, "function_unknown")),
        ({"content": "No tools."}, (None, None, None)),
    ],
)
def test_arguments_of_tool_calls_are_held_against_the_function_s_parameters(
    chat: Any, message: Any, expected: Any
) -> None:
    tools = [
        {"type": "function", "function": {"name": "look_up", "parameters": CITY}},
        {"type": "function", "function": {"name": "anything"}},
    ]
    assert output(chat(chat_body(message, finish="tool_calls"), tools=tools), "tool_calls") == expected


def test_arguments_cut_at_the_limit_are_not_judged(chat: Any) -> None:
    assert output(chat(chat_body(called('{"ci'), finish="length")), "tool_calls") == (None, None, "truncated")


def test_a_responses_function_call_is_held_against_its_parameters(respond: Any) -> None:
    item = {"type": "function_call", "id": "f", "call_id": "c", "name": "look_up", "arguments": '{"city": 7}'}
    tools = [{"type": "function", "name": "look_up", "parameters": CITY, "strict": True}]
    assert output(respond(response_body(item), tools=tools), "tool_calls") == (True, False, None)


# --- schemas that mean harm -------------------------------------------------------------------------------------


def _doubling(levels: int) -> Any:
    twice = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/a0", "$defs": {**twice, f"a{levels}": {"type": "object"}}}


TREE = {
    "anyOf": [
        {"type": "object", "properties": {"op": {"const": "+"}, "in": {"$ref": "#"}}, "required": ["op"]},
        {"type": "object", "properties": {"op": {"const": "-"}, "in": {"$ref": "#"}}, "required": ["op"]},
        {"type": "integer"},
    ]
}


def nested(levels: int, inner: Any = 1) -> Any:
    value = inner
    for _ in range(levels):
        value = {"op": "-", "in": value}
    return value


@pytest.mark.parametrize(
    ("schema", "value", "reason"),
    [
        (_doubling(40), {}, "schema_too_complex"),
        (TREE, nested(60), "schema_too_complex"),
        (TREE, nested(70), "too_deep"),
        ({"$ref": "#"}, {}, "schema_too_complex"),
        ({"anyOf": [{"$ref": "#/anyOf/1"}, {"$ref": "#/anyOf/0"}]}, {}, "schema_too_complex"),
        ({"type": "string", "pattern": "((a{1,1000}){1,1000}){1,1000}"}, "a", "schema_unsupported"),
        ({"type": "string", "pattern": "^(?=a)(a+)+$"}, "a", "schema_unsupported"),
        ({"unevaluatedProperties": False}, {}, "schema_unsupported"),
        ({"description": "x" * 70_000}, {}, "schema_too_large"),
        (json.loads('{"not":' * 800 + "{}" + "}" * 800), {}, "schema_unsupported"),
        ([1], {}, "schema_invalid"),
    ],
)
def test_a_schema_that_would_take_long_or_lead_elsewhere_is_not_judged(schema: Any, value: Any, reason: str) -> None:
    assert satisfies(value, schema) == Unchecked(reason)


def test_a_pattern_of_exponential_backtracking_takes_linear_time() -> None:
    assert satisfies("a" * 50_000 + "!", {"type": "string", "pattern": "^(a+)+$"}) is False


def test_a_recursive_schema_of_reasonable_use_is_judged() -> None:
    assert satisfies(nested(8), TREE) is True
    assert satisfies(nested(8, "x"), TREE) is False


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
keywords = st.sampled_from(["type", "properties", "items", "anyOf", "$ref", "not", "required", "enum", "$defs", "if"])
odd_schemas = st.recursive(
    st.sampled_from(["string", "#", "#/$defs/a", "object", 1, None, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keywords | st.just("a"), inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=300, deadline=None)
@given(odd_schemas, json_values)
def test_no_schema_and_no_value_make_the_judge_raise(schema: Any, value: Any) -> None:
    assert isinstance(satisfies(value, schema), bool | Unchecked)


def test_without_the_validator_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)
    schemas._validator.cache_clear()
    assert satisfies({}, {"type": "object"}) == Unchecked("validator_missing")
    schemas._validator.cache_clear()


class PanicException(BaseException):
    """What a fault of the validator's Rust code comes as."""


def test_a_fault_of_the_validator_does_not_end_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    import jsonschema_rs

    def panic(*_: object, **__: object) -> Any:
        raise PanicException

    with monkeypatch.context() as patched:
        patched.setattr(jsonschema_rs, "validator_for", panic)
        schemas._validator.cache_clear()
        assert satisfies({}, {"type": "object"}) == Unchecked("schema_unsupported")
    schemas._validator.cache_clear()
    assert satisfies({}, {"type": "object"}) is True
