"""Sampling: the threshold that travels in the tracestate becomes a weight, and sums allow for it."""

from __future__ import annotations

import os
import random
import re
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace._sampling_experimental import composable_traceid_ratio_based, composite_sampler
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator

import llmtrace
from llmtrace.testing import FakeProvider
from llmtrace_collector.database import rows
from llmtrace_collector.schema import migrate as schema
from llmtrace_collector.signals import Signal
from support.landing import land
from support.otlp import CALL, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

THE_RAREST = 1_000_000


def told(trace_state: str) -> tuple[str | None, Fraction]:
    """Threshold and weight by the text of the specification."""
    members = [member.strip(" \t") for member in trace_state.split(",")]
    ours = next((member[3:] for member in members if member.startswith("ot=")), "")
    threshold = next((key[3:] for key in ours.split(";") if key.startswith("th:")), "")
    if not re.fullmatch("[0-9a-f]{1,14}", threshold):
        return None, Fraction(1)
    weight = Fraction(2**56, 2**56 - int(threshold.ljust(14, "0"), 16))
    return (threshold, weight) if weight <= THE_RAREST else (None, Fraction(1))


SUB_KEYS = st.one_of(
    st.text("0123456789abcdef", min_size=1, max_size=14).map("th:{}".format),
    st.sampled_from(
        ["th:", "th:0", "th:8", "th:ffffef39085f4a", "th:ffffef39085f4b", "th:ffffffffffffff", "th:123456789abcdef"]
    ),
    st.text("0123456789abcdefAFxyz: \n", max_size=16).map("th:{}".format),
    st.sampled_from(["rv:0123456789abcd", "xth:8", "TH:8", ""]),
)
MEMBERS = st.one_of(
    st.lists(SUB_KEYS, max_size=3).map(lambda keys: "ot=" + ";".join(keys)),
    st.sampled_from(["vendor=ot=th:8", "xot=th:8", "a=b", "", "ot", "é=🙂"]),
)
STATES = st.lists(st.tuples(st.sampled_from(["", " ", "\t "]), MEMBERS, st.sampled_from(["", " "])), max_size=3).map(
    lambda members: ",".join("".join(member) for member in members)
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STATES, min_size=1, max_size=40))
def test_a_threshold_is_read_as_the_specification_has_it_and_nothing_else_is(stack: Stack, states: list[str]) -> None:
    name = os.urandom(8).hex()
    spans = [span({}, name=name, trace_state=state, start_time_unix_nano=time.time_ns()) for state in states]
    land(stack, Signal.TRACES, request(*spans))
    sql = "SELECT span_id, sampling_threshold AS th, sampling_weight AS weight FROM spans WHERE name = {name:String}"
    found = {row["span_id"]: (row["th"], row["weight"]) for row in rows(stack.reader(), sql, {"name": name})}
    for one, state in zip(spans, states, strict=True):
        threshold, weight = told(state)
        assert found[one.span_id.hex()] == (threshold, pytest.approx(float(weight), rel=1e-15)), state


SUMS = (
    "SELECT sum(calls) AS calls, sum(errors) AS errors, sum(unpriced) AS unpriced, sum(cost_usd) AS usd,"
    " sum(unsampled_calls) AS more_calls, sum(unsampled_errors) AS more_errors,"
    " sum(unsampled_unpriced) AS more_unpriced, sum(unsampled_input_tokens) AS more_input,"
    " sum(unsampled_output_tokens) AS more_output, sum(unsampled_cost_usd) AS more_usd"
    " FROM spend_1m WHERE model = {model:String}"
)


def sums(stack: Stack, model: str) -> dict[str, Any]:
    return rows(stack.reader(), SUMS, {"model": model})[0]


def test_the_rollup_has_what_is_stored_and_beside_it_what_sampling_left_out(stack: Stack) -> None:
    model = os.urandom(8).hex()
    call = {**CALL, "gen_ai.request.model": model}
    unpriced = {key: value for key, value in call.items() if key != "llmtrace.cost.usd"}
    land(
        stack,
        Signal.TRACES,
        request(
            span(call),
            span(call, trace_state="ot=th:8"),
            span(call, trace_state="ot=th:c;rv:fedcba98765432"),
            span(unpriced, trace_state="ot=th:c"),
            span(unpriced, trace_state="ot=th:8", status=Status(code=Status.STATUS_CODE_ERROR)),
        ),
    )
    assert sums(stack, model) == {
        "calls": 5,
        "errors": 1,
        "unpriced": 1,
        "usd": Decimal("0.000369"),
        "more_calls": 1 + 3 + 3 + 1,
        "more_errors": 1,
        "more_unpriced": 3,
        "more_input": 80,
        "more_output": 40,
        "more_usd": Decimal("0.000123") * (1 + 3),
    }


def test_where_nothing_was_sampled_sums_are_exact_to_the_last_digit(stack: Stack) -> None:
    model = os.urandom(8).hex()
    costs = [Decimal("0.000000000001"), Decimal("999999.999999999999"), Decimal("0.1"), Decimal("0.2")]
    spans = [span({**CALL, "gen_ai.request.model": model, "llmtrace.cost.usd": str(cost)}) for cost in costs]
    spans[0].trace_state = "ot=th:0"
    land(stack, Signal.TRACES, request(*spans))
    found = sums(stack, model)
    assert (found["usd"], found["more_usd"], found["more_calls"]) == (sum(costs), 0, 0)
    sql = "SELECT sum(corrected_cost_usd) AS usd FROM spans WHERE model = {model:String}"
    assert rows(stack.reader(), sql, {"model": model})[0]["usd"] == sum(costs)


class Seeded(IdGenerator):
    """The same ids in every run."""

    def __init__(self) -> None:
        self._random = random.Random(7)

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128)

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64)


def test_what_the_sdks_consistent_sampler_keeps_adds_up_to_about_all_there_was(stack: Stack) -> None:
    memory, model, made = InMemorySpanExporter(), os.urandom(8).hex(), 2000
    sampler = composite_sampler(composable_traceid_ratio_based(0.1))
    provider = TracerProvider(sampler=sampler, id_generator=Seeded(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    for _ in range(made):
        call = provider.get_tracer("tests").start_span("chat")
        call.set_attributes({**CALL, "gen_ai.request.model": model})
        call.end()
    land(stack, Signal.TRACES, encode_spans(memory.get_finished_spans()).SerializeToString())
    found = sums(stack, model)
    stored = len(memory.get_finished_spans())
    assert found["calls"] == stored < made / 5
    assert found["calls"] + found["more_calls"] == pytest.approx(10 * stored, rel=1e-9)
    # Binomial: the estimate's standard deviation is sqrt(2000 * 0.9 / 0.1), about 134.
    assert abs(found["calls"] + found["more_calls"] - made) < 4 * 134
    assert float(found["usd"] + found["more_usd"]) == pytest.approx(10 * stored * 0.000123, rel=1e-9)


def test_one_span_of_a_stranger_cannot_outweigh_all_others(stack: Stack) -> None:
    model = os.urandom(8).hex()
    dear = {**CALL, "gen_ai.request.model": model, "llmtrace.cost.usd": "1000000"}
    land(
        stack,
        Signal.TRACES,
        request(span(dear, trace_state="ot=th:ffffffffffffff"), span(dear, trace_state="ot=th:ffffef39085f4a")),
    )
    found = sums(stack, model)
    assert found["calls"] == 2
    assert found["usd"] + found["more_usd"] < Decimal(1000001000000)


def test_rows_from_before_keep_their_sums_and_the_migration_may_run_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = os.urandom(8).hex()
    one = {**CALL, "gen_ai.request.model": model}
    known = schema.migrations()
    with stack_at(tmp_path, new=True) as stack:
        stack.store()
        owner = stack.owner()
        version = next(m.version for m in known if m.name == "sampling")
        monkeypatch.setattr(schema, "migrations", lambda: [m for m in known if m.version < version])
        schema.migrate(owner)
        land(stack, Signal.TRACES, request(span(one, trace_state="ot=th:8")), schema=4)
        monkeypatch.setattr(schema, "migrations", lambda: [m for m in known if m.version <= version])
        assert schema.migrate(owner) == [version]
        for statement in next(m.statements for m in known if m.version == version):
            owner.command(statement)
        found = sums(stack, model)
        assert (found["calls"], found["more_calls"], found["more_usd"]) == (1, 0, 0)
        land(stack, Signal.TRACES, request(span(one, trace_state="ot=th:8")), schema=4)
        found = sums(stack, model)
        assert (found["calls"], found["more_calls"]) == (2, 1)
        # The spans themselves have told it all along.
        sql = "SELECT sum(sampling_weight) AS weight FROM spans WHERE model = {model:String}"
        assert rows(stack.reader(), sql, {"model": model}) == [{"weight": 4}]


def test_the_whole_way_from_the_environment_of_an_app_to_the_rollup(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    model = f"gpt-4o-{os.urandom(8).hex()}"
    llmtrace.instrument(endpoint=stack.http_url)
    with FakeProvider() as provider, openai.OpenAI(base_url=provider.base_url, api_key="x") as client:
        for _ in range(30):
            client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hi"}])
    llmtrace.uninstrument()
    found = wait_for(lambda: (told := sums(stack, model))["calls"] and told)
    assert 0 < found["calls"] < 30
    assert found["more_calls"] == found["calls"]
    assert found["more_usd"] == found["usd"]
    sql = "SELECT DISTINCT sampling_threshold AS th FROM spans WHERE model = {model:String}"
    assert rows(stack.reader(), sql, {"model": model}) == [{"th": "8"}]
