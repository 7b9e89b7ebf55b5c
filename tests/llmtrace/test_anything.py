"""Whatever is sent and answered: nothing raises, and every value is one that OpenTelemetry takes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes

from llmtrace.accounts import Account
from llmtrace.attributes import account_attributes
from llmtrace.background import Ledger, background_stage
from llmtrace.calls import Call, Operation, Server, Timing
from llmtrace.details import READERS, read_details
from llmtrace.details.fields import Bodies
from llmtrace.operations import CANCELLED_RESPONSE, RESPONSES, STORED_RESPONSE, operation_of
from llmtrace.outcomes import Outcome
from llmtrace.reading.events import read_events
from llmtrace.reading.forms import form_as_json, form_fields
from llmtrace.reading.large import LARGE_BODY_BYTES, parse_json, without_blobs
from llmtrace.reading.replies import read_reply
from llmtrace.reading.requests import read_request
from llmtrace.reading.streamed import add_up
from llmtrace.readouts import Collected
from llmtrace.semconv import ATTRIBUTES

# The words of the bodies that are read, so that what is made up looks like one where it matters.
_WORDS = [
    "id",
    "model",
    "object",
    "status",
    "usage",
    "error",
    "code",
    "message",
    "choices",
    "index",
    "delta",
    "message",
    "finish_reason",
    "native_finish_reason",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "output",
    "type",
    "content",
    "annotations",
    "data",
    "results",
    "flagged",
    "categories",
    "moderation",
    "input",
    "prompt_filter_results",
    "content_filter_results",
    "hate",
    "filtered",
    "severity",
    "detected",
    "prompt",
    "version",
    "tools",
    "tool_choice",
    "reasoning",
    "effort",
    "summary",
    "text",
    "verbosity",
    "prompt_tokens",
    "completion_tokens",
    "input_tokens",
    "output_tokens",
    "cost",
    "total_cost",
    "cost_in_usd_ticks",
    "x_groq",
    "queue_time",
    "provider",
    "citations",
    "seconds",
    "duration",
    "size",
    "n",
    "b64_json",
    "audio",
    "voice",
    "answers",
    "questions",
    "request_counts",
    "total",
    "completed",
    "failed",
    "background",
    "conversation",
    "previous_response_id",
    "incomplete_details",
    "reason",
    "response",
    "item",
    "output_index",
    "item_id",
    "query",
    "max_num_results",
    "modalities",
    "stream",
    "top_k",
    "seed",
    "stop",
]
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**62, 2**66)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        [*_WORDS, "completed", "failed", "queued", "response", "batch", "thread.run", "\ud800", "x" * 500]
    )
)
_ANY = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=30,
)
_OBJECTS = st.dictionaries(st.sampled_from(_WORDS) | st.text(max_size=4), _ANY, max_size=8)
_WIRES = sorted(READERS)
_KINDS: dict[str, type | tuple[type, ...]] = {"string": str, "int": int, "double": (float, int), "boolean": bool}
_SERVER = Server(provider="openai", price_provider="openai", address="x", port=1)


def _check(attributes: Any) -> None:
    for name, value in attributes.items():
        declared = ATTRIBUTES[name].type
        entries = value if declared.endswith("[]") else (value,)
        assert isinstance(entries, tuple), (name, value)
        for entry in entries:
            assert isinstance(entry, _KINDS[declared.removesuffix("[]")]), (name, value)
            assert isinstance(entry, bool) == (declared == "boolean"), (name, value)
            if isinstance(entry, int):
                assert -(2**63) < entry < 2**63, (name, value)
            if isinstance(entry, str):
                entry.encode()
    assert set(BoundedAttributes(attributes=attributes, immutable=False)) == set(attributes)


@pytest.mark.parametrize("wire", _WIRES)
@settings(max_examples=60, deadline=None)
@given(sent=_OBJECTS, answered=_OBJECTS)
def test_any_bodies_give_values_of_the_types_the_table_has(wire: str, sent: Any, answered: Any) -> None:
    call = read_request(Call(operation=Operation(name="x", wire=wire), server=_SERVER), sent)
    account = Account(call=call, timing=Timing(start_ns=1, end_ns=2), sent=sent, body=answered)
    account.reply = read_reply(wire, answered)
    account.failure = account.reply.failure
    account.details = {**read_details(wire, Bodies(sent=sent, answered=answered, path="/v1/threads/t/x"))}
    _check(account_attributes(account))


@pytest.mark.parametrize("wire", _WIRES)
@settings(max_examples=40, deadline=None)
@given(events=st.lists(_OBJECTS, max_size=6), choices=st.integers(1, 3))
def test_any_events_add_up_to_something_that_can_be_read(wire: str, events: Any, choices: int) -> None:
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    added = add_up(wire, read_events([(1, body)]), choices=choices).body
    read_reply(wire, added)
    _check({name: value for name, value in read_details(wire, Bodies(answered=added)).items() if _spelled(value)})


def _spelled(value: Any) -> bool:
    return not isinstance(value, str) or value.isascii()


@settings(max_examples=100, deadline=None)
@given(replies=st.lists(st.tuples(st.sampled_from([RESPONSES, STORED_RESPONSE, CANCELLED_RESPONSE]), _OBJECTS)))
def test_any_order_of_background_calls_counts_an_id_once(replies: Any) -> None:
    ledger = Ledger()
    billed: list[str] = []
    for operation, fields in replies:
        body = {**fields, "id": "resp_1", "background": True}
        account = Account(
            call=Call(operation=operation, server=_SERVER), timing=Timing(start_ns=1, end_ns=2), body=body
        )
        account.reply = read_reply("responses", body)
        background_stage(ledger, _collected(account), account)
        if operation is not RESPONSES and account.reply.usage:
            billed.append("resp_1")
    created = sum(operation is RESPONSES for operation, _ in replies)
    assert len(billed) <= created


def _collected(account: Account) -> Collected:
    outcome = Outcome(end="returned", end_ns=2)
    return Collected(call=account.call, answer=None, chunks=[], kept_whole=True, start_ns=1, outcome=outcome)


@given(method=st.sampled_from(["get", "post", "delete", "?"]), url=st.text(max_size=40) | st.just("/responses/\n/x"))
def test_any_url_has_an_operation(method: str, url: str) -> None:
    name = operation_of(method, url).name
    assert name
    assert all(part.isascii() for part in name.split("."))


@given(body=st.binary(max_size=300), boundary=st.sampled_from(["x", "--", "a b", ""]))
def test_any_bytes_are_a_form_or_none(body: bytes, boundary: str) -> None:
    whole = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n' + body + b"\r\n--x--\r\n"
    for given_body in (body, whole):
        form_as_json(form_fields(given_body))


@given(
    vectors=st.lists(st.lists(st.floats(-1, 1), min_size=0, max_size=300), max_size=4),
    words=st.text(max_size=50),
    size=st.sampled_from([10, 600, 300_000]),
)
@settings(max_examples=50, deadline=None)
def test_a_large_body_without_its_blobs_is_the_same_but_for_them(vectors: Any, words: str, size: int) -> None:
    blob = "QUJD" * (size // 4)
    body = {
        "text": f'"embedding": [{words} "b64_json": "',
        "data": [{"embedding": vector, "index": index} for index, vector in enumerate(vectors)],
        "images": [{"b64_json": blob, "revised_prompt": words}],
        "usage": {"input_tokens": 3},
    }
    small = json.loads(without_blobs(json.dumps(body).encode()))
    assert {**small, "data": 0, "images": 0} == {**body, "data": 0, "images": 0}
    assert [entry["index"] for entry in small["data"]] == list(range(len(vectors)))
    assert small["images"][0]["revised_prompt"] == words
    assert len(small["images"][0]["b64_json"]) <= max(512, 60)


@pytest.mark.parametrize("body", ["[" * 200_000, '{"a":' * 200_000, "[" * (LARGE_BODY_BYTES + 10)])
def test_a_body_nested_without_end_is_no_json(body: str) -> None:
    with pytest.raises(ValueError, match=r"nested|Expecting"):
        parse_json(body)
