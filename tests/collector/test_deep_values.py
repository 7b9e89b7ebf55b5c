"""Values nested to any depth arrive exactly, and spans that have some are stored once, whatever is repeated."""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmtrace_collector import deep
from llmtrace_collector.database import rows
from llmtrace_collector.signals import Signal
from llmtrace_collector.writer import INSERT_SETTINGS
from support.landing import land
from support.otlp import CALL, any_value, key_values, post, request, span
from support.services import Stack
from support.waiting import wait_for


def row_of(stack: Stack, trace_id: bytes) -> dict[str, Any]:
    (found,) = rows(stack.reader(), "SELECT * FROM spans WHERE trace_id = {id:String}", {"id": trace_id.hex()})
    return found


def nested(depth: int) -> Any:
    """Lists and maps in turn, with values of every kind at each level."""
    value: Any = "the bottom\x01"
    for level in range(depth):
        value = {"k": value, "n": level} if level % 2 else [value, level, True, 1.5, "é\x01"]
    return value


def test_values_of_every_depth_arrive_exactly_over_http(stack: Stack) -> None:
    value = {f"depth {depth}": nested(depth) for depth in range(21)}
    one = span(
        {**CALL, **value, "text": "a\x01b", "gen_ai.prompt": json.dumps([{"role": "user", "content": "Hello?"}])}
    )
    one.events.add(name="e", attributes=key_values({"deep": nested(9)}))
    one.links.add(trace_id=bytes(range(16)), span_id=bytes(range(8)), attributes=key_values({"deep": nested(9)}))
    body = request(one, span(CALL, trace_id=one.trace_id), resource={"service.name": "shop", "deep": nested(9)})
    assert post(f"{stack.http_url}/v1/traces", body)[0] == 200
    sql = "SELECT * FROM spans WHERE trace_id = {id:String} AND length(attributes) > 10"
    wait_for(lambda: len(rows(stack.reader(), sql, {"id": one.trace_id.hex()})) == 1, 60)
    (row,) = rows(stack.reader(), sql, {"id": one.trace_id.hex()})
    got = row["attributes"]
    assert {name: json.loads(got[name]) for name in value if name != "depth 0"} == {
        name: nested for name, nested in value.items() if name != "depth 0"
    }
    assert (got["depth 0"], got["text"]) == ("the bottom\x01", "a\x01b")
    assert json.loads(row["resource_attributes"]["deep"]) == nested(9)
    assert json.loads(row["events.attributes"][0]["deep"]) == nested(9)
    assert json.loads(row["links.attributes"][0]["deep"]) == nested(9)
    # Understood like any other.
    assert (row["is_call"], row["model"], row["input_tokens"]) == (True, "gpt-4o", 10)
    assert (row["service_name"], row["input_preview"]) == ("shop", "Hello?")


def test_a_deep_span_is_stored_once_whatever_is_repeated(stack: Stack) -> None:
    model = os.urandom(8).hex()
    one = span({**CALL, "gen_ai.request.model": model, "deep": nested(12)})
    plain = span({**CALL, "gen_ai.request.model": model})
    token = land(stack, Signal.TRACES, request(one, plain), finish=False)
    for _ in range(2):  # the writer ended before, or after, the second step
        land(stack, Signal.TRACES, request(one, plain), token=token, finish=False)
        assert deep.finish(stack.owner(), token, INSERT_SETTINGS) == 1
        assert deep.finish(stack.owner(), token, INSERT_SETTINGS) == 1
    sql = "SELECT count() AS spans, sum(cost_usd) AS usd FROM spans WHERE model = {model:String}"
    assert rows(stack.reader(), sql, {"model": model})[0]["spans"] == 2
    sql = "SELECT sum(calls) AS calls FROM spend_1m WHERE model = {model:String}"
    assert rows(stack.reader(), sql, {"model": model}) == [{"calls": 2}]


def test_what_cannot_be_true_is_quarantined_however_deep(stack: Stack) -> None:
    one = span({"deep": nested(8)}, name=os.urandom(8).hex(), trace_id=b"short")
    assert deep.finish(stack.owner(), land(stack, Signal.TRACES, request(one), finish=False), INSERT_SETTINGS) == 1
    sql = "SELECT reason, attributes FROM spans_quarantine WHERE name = {name:String}"
    (row,) = rows(stack.reader(), sql, {"name": one.name})
    assert "trace_id" in row["reason"]
    assert json.loads(row["attributes"]["deep"]) == nested(8)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
leaves = st.one_of(
    texts, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
trees = st.recursive(
    leaves,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(texts, below, max_size=3)),
    max_leaves=12,
)


@given(trees)
def test_values_are_rendered_as_python_renders_them(value: Any) -> None:
    assert json.loads(deep.rendered(any_value(value))) == value


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        texts.filter(bool), trees.map(lambda tree: [[[[[tree]]]], {"m": {"n": {"o": {"p": tree}}}}]), min_size=1
    )
)
def test_what_sql_and_python_make_of_a_value_together_is_exact(stack: Stack, attributes: dict[str, Any]) -> None:
    one = span(attributes)
    land(stack, Signal.TRACES, request(one))
    got = row_of(stack, one.trace_id)["attributes"]
    assert {key: json.loads(text) for key, text in got.items()} == attributes
