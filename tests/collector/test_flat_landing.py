"""The landing table with a column for each field: the same rows as from the whole request, whatever was sent."""

from __future__ import annotations

import os
import random
import time

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from llmtrace_collector.landings import LANDINGS, landings_at
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal.record import encode
from llmtrace_collector.writer import INSERT_SETTINGS
from support.mutations import damaged
from support.otlp import CALL, span
from support.otlp_messages import message_of
from support.services import Stack

NOW, BEFORE = (landings_at(version)[Signal.TRACES].table for version in (10_000, 0))
TABLES = {
    "spans": "*",
    "span_content": "*",
    "spans_quarantine": "*",
    "spans_deep": "* EXCEPT token",
}
PROJECT = "both-landings"


def insert(stack: Stack, table: str, records: bytes) -> bool:
    """Whether ClickHouse takes them."""
    more = {"format_schema": LANDINGS[Signal.TRACES].schema, "insert_deduplication_token": os.urandom(8).hex()}
    try:
        stack.owner().raw_insert(table, insert_block=records, fmt="Protobuf", settings={**INSERT_SETTINGS, **more})
    except ClickHouseError:
        return False
    return True


def both(stack: Stack, *bodies: bytes) -> bool:
    """Inserts the same segment by either way, which must agree whether it can be read."""
    at = time.time_ns()
    records = b"".join(encode(project=PROJECT, received_ns=at, request=body) for body in bodies)
    by_columns, by_one = insert(stack, NOW, records), insert(stack, BEFORE, records)
    assert by_columns == by_one
    return by_columns


def unlike(stack: Stack) -> dict[str, int]:
    """By table, how many rows one of the ways made and the other did not."""
    found = {}
    for table, columns in TABLES.items():
        mine = f"FROM {table} WHERE project = '{PROJECT}'"
        rows = f"SELECT toString(tuple({columns})) AS row, count() AS n {mine} GROUP BY row"
        found[table] = int(stack.owner().command(f"SELECT countIf(n % 2) FROM ({rows})"))
    return found


@settings(deadline=None, max_examples=4)
@given(seed=st.integers(0, 2**32))
def test_any_request_makes_the_same_rows(stack: Stack, seed: int) -> None:
    dice = random.Random(seed)
    assert both(stack, *(message_of(Request, dice).SerializeToString() for _ in range(100)))
    assert set(unlike(stack).values()) == {0}


@settings(deadline=None, max_examples=4)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_request_is_refused_by_both_or_makes_the_same_rows(stack: Stack, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(5):
        both(stack, damaged(Signal.TRACES, dice, as_json=False))
    assert set(unlike(stack).values()) == {0}


@pytest.mark.parametrize("at", [0, 1])
def test_levels_without_anything_in_them_keep_their_neighbours_apart(stack: Stack, at: int) -> None:
    """A resource without scopes, a scope without spans, without a name: each list is as long as the others."""
    full = ScopeSpans(spans=[span({**CALL, "user.id": "beside-nothing"})])
    resources = [
        ResourceSpans(),
        ResourceSpans(scope_spans=[ScopeSpans(), full]),
        ResourceSpans(scope_spans=[full, ScopeSpans()]),
    ]
    resources.insert(at, ResourceSpans(scope_spans=[full]))
    for each in resources[at:]:
        each.resource.attributes.add(key="service.name").value.string_value = "shop"
    assert both(stack, Request(resource_spans=resources).SerializeToString())
    assert set(unlike(stack).values()) == {0}
    where = "user_id = 'beside-nothing' AND service_name = 'shop'"
    assert int(stack.owner().command(f"SELECT count() FROM spans WHERE {where}")) >= 6 - 2 * at
