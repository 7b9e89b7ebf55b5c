"""From an OTLP body to rows: every value where it belongs, exactly, and nothing doubled or dropped."""

from __future__ import annotations

import json
import os
import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from llmtrace_collector.database import rows
from llmtrace_collector.signals import Signal
from support.landing import land
from support.otlp import CALL, any_value, key_values, post, request, span
from support.services import Stack
from support.waiting import wait_for


def row_of(stack: Stack, one: Span, table: str = "spans") -> dict[str, Any]:
    found = rows(stack.reader(), f"SELECT * FROM {table} WHERE trace_id = {{id:String}}", {"id": one.trace_id.hex()})
    assert len(found) == 1
    return found[0]


def test_a_call_fills_the_typed_columns(stack: Stack) -> None:
    start = time.time_ns()
    attributes = {
        **CALL,
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ["stop", "length"],
        "gen_ai.request.stream": True,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.cache_write.input_tokens": 3,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "gen_ai.response.time_to_first_chunk": 0.125,
        "session.id": "s-1",
        "error.type": "timeout",
    }
    one = span(
        attributes,
        start_time_unix_nano=start,
        end_time_unix_nano=start + 1_500_000_000,
        parent_span_id=bytes(range(8)),
        trace_state="ot=th:8",
        status=Status(code=Status.STATUS_CODE_ERROR, message="it broke"),
    )
    land(stack, Signal.TRACES, request(one, resource={"service.name": "shop", "deployment.environment.name": "prod"}))
    row = row_of(stack, one)
    expected = {
        "project": "default",
        "trace_id": one.trace_id.hex(),
        "span_id": one.span_id.hex(),
        "parent_span_id": "0001020304050607",
        "trace_state": "ot=th:8",
        "name": "chat gpt-4o",
        "kind": "CLIENT",
        "service_name": "shop",
        "environment": "prod",
        "scope_name": "tests",
        "duration_ns": 1_500_000_000,
        "status_code": "ERROR",
        "status_message": "it broke",
        "error_type": "timeout",
        "is_call": True,
        "operation": "chat",
        "provider": "openai",
        "request_model": "gpt-4o",
        "response_model": "gpt-4o-2024-08-06",
        "model": "gpt-4o",
        "response_id": "chatcmpl-1",
        "finish_reasons": ["stop", "length"],
        "stream": True,
        "input_tokens": 10,
        "output_tokens": 5,
        "cached_input_tokens": 4,
        "cache_write_input_tokens": 3,
        "reasoning_output_tokens": 2,
        "cost_usd": Decimal("0.000123000000"),
        "time_to_first_token_ns": 125_000_000,
        "user_id": "ada",
        "session_id": "s-1",
    }
    assert {name: row[name] for name in expected} == expected
    sql = "SELECT toUnixTimestamp64Nano(timestamp) FROM spans WHERE trace_id = {id:String}"
    assert stack.reader().query(sql, parameters={"id": one.trace_id.hex()}).result_rows == [(start,)]


def test_tokens_written_to_cache_are_read_by_the_old_name_too(stack: Stack) -> None:
    one = span({**CALL, "gen_ai.usage.cache_creation.input_tokens": 7})
    land(stack, Signal.TRACES, request(one))
    assert row_of(stack, one)["cache_write_input_tokens"] == 7


def test_what_was_not_reported_is_null_and_not_zero(stack: Stack) -> None:
    one = span({"gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat"})
    land(stack, Signal.TRACES, request(one))
    row = row_of(stack, one)
    tokens = ["input_tokens", "output_tokens", "cached_input_tokens", "cache_write_input_tokens"]
    names = [*tokens, "cost_usd", "time_to_first_token_ns"]
    assert {name: row[name] for name in names} == dict.fromkeys(names)


def test_time_to_first_token_is_the_first_chunk_with_content_when_the_span_says_so(stack: Stack) -> None:
    attributes = {**CALL, "gen_ai.response.time_to_first_chunk": 0.1, "llmtrace.response.time_to_first_token": 0.3}
    one = span(attributes)
    land(stack, Signal.TRACES, request(one))
    assert row_of(stack, one)["time_to_first_token_ns"] == 300_000_000


@pytest.mark.parametrize(
    ("attributes", "is_call"),
    [
        ({"gen_ai.provider.name": "openai", "gen_ai.operation.name": "embeddings"}, True),
        ({"gen_ai.provider.name": "openai", "gen_ai.operation.name": "images.generations"}, True),
        ({"gen_ai.provider.name": "openai", "gen_ai.operation.name": "invoke_agent"}, False),
        ({"gen_ai.operation.name": "execute_tool"}, False),
        ({}, False),
    ],
)
def test_only_requests_to_a_provider_are_calls(stack: Stack, attributes: dict[str, Any], is_call: bool) -> None:
    one = span(attributes)
    land(stack, Signal.TRACES, request(one))
    assert row_of(stack, one)["is_call"] is is_call


# As deep as GenAI messages go: a list of messages of parts with fields.
flat = st.one_of(st.text(max_size=20), st.booleans(), st.integers(-(2**63), 2**63 - 1))
level = st.one_of(flat, st.lists(flat, max_size=3), st.dictionaries(st.text(max_size=5), flat, max_size=3))
deep = st.one_of(
    level,
    st.lists(st.dictionaries(st.text(max_size=5), st.lists(level, max_size=2), max_size=2), max_size=2),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(min_size=1, max_size=10), deep, max_size=6))
def test_attribute_values_of_any_kind_arrive_exactly(stack: Stack, attributes: dict[str, Any]) -> None:
    one = span(attributes)
    land(stack, Signal.TRACES, request(one))
    got = row_of(stack, one)["attributes"]
    assert {k: v if isinstance(attributes[k], str) else json.loads(v) for k, v in got.items()} == attributes


def test_messages_go_to_the_content_table_with_previews_on_the_span(stack: Stack) -> None:
    def message(role: str, text: str) -> dict[str, Any]:
        return {"role": role, "parts": [{"type": "text", "content": text}]}

    asked = [message("user", "first"), message("user", "é" * 300)]
    one = span(
        {
            **CALL,
            "gen_ai.input.messages": asked,  # structured
            "gen_ai.output.messages": json.dumps([message("assistant", "<b>answer</b>")]),  # a JSON string
        }
    )
    land(stack, Signal.TRACES, request(one))
    row = row_of(stack, one)
    assert (row["input_preview"], row["output_preview"]) == ("é" * 200, "<b>answer</b>")
    assert not [name for name in row["attributes"] if "messages" in name]
    content = row_of(stack, one, "span_content")
    assert json.loads(content["input_messages"]) == asked
    assert json.loads(content["output_messages"])[0]["role"] == "assistant"


def test_events_and_links_ride_along(stack: Stack) -> None:
    one = span()
    one.events.add(time_unix_nano=5, name="retry", attributes=key_values({"n": 1, "codes": [429]}))
    one.links.add(trace_id=bytes(range(16)), span_id=bytes(range(8)), attributes=key_values({"why": "because"}))
    land(stack, Signal.TRACES, request(one))
    row = row_of(stack, one)
    assert row["events.name"] == ["retry"]
    assert row["events.attributes"] == [{"n": "1", "codes": "[429]"}]
    assert row["links.trace_id"] == ["000102030405060708090a0b0c0d0e0f"]
    assert row["links.attributes"] == [{"why": "because"}]


DAY_NS = 86_400 * 10**9
FAULTS = {
    "short trace id": ({"trace_id": b"abc"}, "trace_id"),
    "zero trace id": ({"trace_id": bytes(16)}, "trace_id"),
    "long span id": ({"span_id": bytes(range(9))}, "span_id"),
    "no time": ({"start_time_unix_nano": 0}, "90 days"),
    "older than rows are kept": ({"start_time_unix_nano": time.time_ns() - 91 * DAY_NS}, "90 days"),
    "without end": ({"end_time_unix_nano": 2**64 - 1}, "30 days"),
    "far future": ({"start_time_unix_nano": time.time_ns() + 2 * DAY_NS}, "ahead"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_span_that_cannot_be_true_is_quarantined_with_its_reason_and_the_others_are_stored(
    stack: Stack, case: str
) -> None:
    fields, reason = FAULTS[case]
    good, bad = span(), span(name=f"quarantine {case}", **fields)
    land(stack, Signal.TRACES, request(good, bad))
    assert row_of(stack, good)["name"] == "chat gpt-4o"
    sql = "SELECT reason FROM spans_quarantine WHERE name = {name:String}"
    found = stack.reader().query(sql, parameters={"name": bad.name}).result_rows
    assert len(found) == 1
    assert reason in found[0][0]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("llmtrace.cost.usd", "-5", "cost"),
        ("llmtrace.cost.usd", "9e25", "cost"),
        ("gen_ai.usage.input_tokens", 2**62, "tokens"),
    ],
)
def test_money_and_tokens_that_cannot_be_true_reach_no_sum(stack: Stack, name: str, value: Any, reason: str) -> None:
    model = os.urandom(8).hex()
    land(stack, Signal.TRACES, request(span({**CALL, "gen_ai.request.model": model, name: value}, name=model)))
    sql = "SELECT reason FROM spans_quarantine WHERE name = {name:String}"
    assert reason in stack.reader().query(sql, parameters={"name": model}).result_rows[0][0]
    sql = "SELECT count() FROM spend_1m WHERE model = {name:String}"
    assert stack.reader().query(sql, parameters={"name": model}).result_rows == [(0,)]


@pytest.mark.parametrize("cost", ["nan", "1e999", "free", ""])
def test_a_cost_that_is_no_number_is_no_known_price(stack: Stack, cost: str) -> None:
    one = span({**CALL, "llmtrace.cost.usd": cost})
    land(stack, Signal.TRACES, request(one))
    assert row_of(stack, one)["cost_usd"] is None


def test_spans_over_the_whole_accepted_past_fit_one_insert(stack: Stack) -> None:
    now = time.time_ns()
    many = [span(name="old", start_time_unix_nano=now - days * DAY_NS) for days in range(90)]
    land(stack, Signal.TRACES, request(*many))
    # Rows past their TTL may be dropped by a merge at any time; none may be refused.
    assert not rows(stack.reader(), "SELECT * FROM spans_quarantine WHERE name = 'old'")


def test_the_same_token_again_changes_no_table(stack: Stack) -> None:
    name = os.urandom(8).hex()
    body = request(*(span({**CALL, "gen_ai.request.model": name, "gen_ai.input.messages": "[]"}) for _ in range(5)))
    bad = request(span(name=name, trace_id=b"x"))
    for _ in range(3):
        land(stack, Signal.TRACES, body, bad, token=name, received_ns=time.time_ns())
    reader = stack.reader()
    assert reader.query("SELECT count() FROM spans WHERE model = {n:String}", parameters={"n": name}).result_rows == [
        (5,)
    ]
    sql = "SELECT sum(calls), sum(cost_usd) FROM spend_1m WHERE model = {n:String}"
    assert reader.query(sql, parameters={"n": name}).result_rows == [(5, Decimal("0.000615"))]
    sql = "SELECT count() FROM spans_quarantine WHERE name = {n:String}"
    assert reader.query(sql, parameters={"n": name}).result_rows == [(1,)]


def test_spend_adds_up_by_minute_model_and_user(stack: Stack) -> None:
    model = os.urandom(8).hex()
    minute = 60 * 10**9
    base = time.time_ns() // minute * minute - 10 * minute
    error = Status(code=Status.STATUS_CODE_ERROR)
    call = {**CALL, "gen_ai.request.model": model}
    unpriced = {k: v for k, v in call.items() if k != "llmtrace.cost.usd"}
    land(
        stack,
        Signal.TRACES,
        request(
            span(call, start_time_unix_nano=base),
            span(call, start_time_unix_nano=base + minute - 1),
            span(call, start_time_unix_nano=base + minute),
            span({**unpriced, "user.id": "bob"}, start_time_unix_nano=base),
            span({**unpriced, "user.id": "bob"}, start_time_unix_nano=base, status=error),
            span({"gen_ai.operation.name": "execute_tool"}, start_time_unix_nano=base),
        ),
    )
    sql = (
        "SELECT toUnixTimestamp(minute) AS m, user_id, sum(calls), sum(errors), sum(unpriced), sum(input_tokens),"
        " sum(output_tokens), sum(cost_usd) FROM spend_1m WHERE model = {n:String}"
        " GROUP BY m, user_id ORDER BY m, user_id"
    )
    first = base // 10**9
    assert stack.reader().query(sql, parameters={"n": model}).result_rows == [
        (first, "ada", 2, 0, 0, 20, 10, Decimal("0.000246")),
        (first, "bob", 2, 1, 1, 20, 10, Decimal(0)),
        (first + 60, "ada", 1, 0, 0, 10, 5, Decimal("0.000123")),
    ]


def test_a_flood_of_users_is_bounded_in_the_rollup_and_no_dollar_is_lost(stack: Stack) -> None:
    model = os.urandom(8).hex()
    call = {**CALL, "gen_ai.request.model": model}
    flood = [span({**call, "user.id": f"u{n}"}) for n in range(1500)]
    dearest = span({**call, "user.id": "dear", "llmtrace.cost.usd": "9"})
    land(stack, Signal.TRACES, request(*flood, dearest), project="flood")
    sql = (
        "SELECT uniqExact(user_id), sum(calls), sum(cost_usd), sumIf(cost_usd, user_id = 'dear') FROM spend_1m"
        " WHERE model = {n:String}"
    )
    users, calls, dollars, dear = stack.reader().query(sql, parameters={"n": model}).result_rows[0]
    assert (users, calls, dollars, dear) == (1001, 1501, Decimal("0.000123") * 1500 + 9, Decimal(9))


def test_many_small_spans_in_one_segment_are_stored_once_each(stack: Stack) -> None:
    name = os.urandom(8).hex()
    bodies = [request(*(span({}, name=name) for _ in range(1000))) for _ in range(100)]
    land(stack, Signal.TRACES, *bodies, token=name)
    land(stack, Signal.TRACES, *bodies, token=name)
    sql = "SELECT count(), uniqExact(span_id) FROM spans WHERE name = {n:String}"
    assert stack.reader().query(sql, parameters={"n": name}).result_rows == [(100_000, 100_000)]


def test_the_whole_way_over_http_ends_in_the_same_row(stack: Stack) -> None:
    one = span({**CALL, "bytes": b"\x00\xff", "number": 1.5})
    assert post(f"{stack.http_url}/v1/traces", request(one))[0] == 200
    sql = "SELECT count() FROM spans WHERE trace_id = {id:String}"
    wait_for(lambda: stack.reader().query(sql, parameters={"id": one.trace_id.hex()}).result_rows[0][0] == 1)
    got = row_of(stack, one)["attributes"]
    assert (got["bytes"], got["number"]) == ('"AP8="', "1.5")
    assert any_value(1.5).double_value == 1.5


def test_estimates_have_columns_of_their_own_and_are_in_no_sum(stack: Stack) -> None:
    model = os.urandom(8).hex()
    one = span(
        {
            "gen_ai.provider.name": "openai",
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            "llmtrace.estimated.input_tokens": 12,
            "llmtrace.estimated.output_tokens": 0,
            "llmtrace.estimated.cost_usd": "0.000045",
        }
    )
    land(stack, Signal.TRACES, request(one))
    row = row_of(stack, one)
    assert (row["estimated_input_tokens"], row["estimated_output_tokens"]) == (12, 0)
    assert row["estimated_cost_usd"] == Decimal("0.000045000000")
    assert (row["input_tokens"], row["output_tokens"], row["cost_usd"]) == (None, None, None)
    sql = "SELECT sum(input_tokens), sum(cost_usd), sum(unpriced) FROM spend_1m WHERE model = {n:String}"
    assert stack.reader().query(sql, parameters={"n": model}).result_rows == [(0, Decimal(0), 1)]


def test_without_an_estimate_its_columns_are_null(stack: Stack) -> None:
    one = span({**CALL, "llmtrace.estimated.input_tokens": "many", "llmtrace.estimated.cost_usd": "nan"})
    land(stack, Signal.TRACES, request(one))
    row = row_of(stack, one)
    names = ("estimated_input_tokens", "estimated_output_tokens", "estimated_cost_usd")
    assert {name: row[name] for name in names} == dict.fromkeys(names)


def test_the_queries_of_the_how_to_run_for_a_stranger(stack: Stack) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/how-to/read-the-data.md").read_text()
    queries = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert len(queries) == 2
    for sql in queries:
        stack.reader().query(sql)


def test_sketches_are_compared_as_the_reference_says(stack: Stack) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/reference/instrument.md").read_text()
    found = re.search(r"`(bitHammingDistance.*?)`", page)
    assert found is not None
    for other, bits in (("00000000000000ff", 0), ("80000000000000fe", 2), ("ffffffffffffff00", 64)):
        sql = f"WITH '00000000000000ff' AS a, '{other}' AS b SELECT {found[1]}"
        assert stack.reader().query(sql).result_rows == [(bits,)]
