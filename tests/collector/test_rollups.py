"""Rollups by the hour, the index of traces and the values of filters are what the spans say, each span once."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from llmtrace_collector.schema.backfill import ROLLUPS, VERSION, _add, backfill
from llmtrace_collector.schema.migrate import migrate, migrations
from llmtrace_collector.signals import Signal
from support.landing import land
from support.otlp import CALL, request, span
from support.services import Stack, stack_at

HOUR = 3600 * 10**9
NOW = time.time_ns() // HOUR * HOUR - 5 * HOUR
"""A whole hour, a while ago."""


def insert(stack: Stack, *spans: Span, token: str = "", times: int = 1) -> None:
    """What the writer does with a segment of these spans, so many times under the same token."""
    token = token or os.urandom(8).hex()
    for _ in range(times):
        land(stack, Signal.TRACES, request(*spans), token=token)


def ask(stack: Stack, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in stack.reader().query(sql, parameters=parameters).result_rows]


def bucket(value: float) -> int:
    """The histogram's bucket, by its definition."""
    return math.floor(8 * math.log2(value)) if value > 0 else -1


def call(model: str, at: int, *, ms: int = 1000, **more: Any) -> Span:
    fields = {name: more.pop(name) for name in ("trace_id", "status", "trace_state", "parent_span_id") if name in more}
    attributes = {**CALL, "gen_ai.request.model": model, **more}
    wanted = {key: value for key, value in attributes.items() if value is not None}
    return span(wanted, start_time_unix_nano=at, end_time_unix_nano=at + ms * 10**6, **fields)


def test_an_hour_has_the_sums_and_histograms_of_its_spans_however_often_the_segment_is_sent(stack: Stack) -> None:
    model = os.urandom(8).hex()
    failed = Status(code=Status.STATUS_CODE_ERROR)
    unknown = dict.fromkeys(("llmtrace.cost.usd", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"))
    insert(
        stack,
        call(model, NOW, ms=100),
        call(model, NOW + HOUR - 1, ms=200, **{"llmtrace.response.time_to_first_token": 0.5, "llmtrace.cost.usd": "0"}),
        call(model, NOW, **unknown),
        call(model, NOW, status=failed, ms=0),
        call(model, NOW + HOUR, ms=300),
        times=3,
    )  # fmt: skip
    rows = ask(
        stack,
        "SELECT toUnixTimestamp(hour), failed, sum(spans), sum(unpriced), sum(input_tokens), sum(tokens_reported),"
        " sum(cost_usd), sum(duration_ns), sumMap(duration_hist), sumMap(time_to_first_token_hist), sumMap(cost_hist),"
        " sumMap(tokens_hist) FROM span_1h WHERE model = {m:String} AND is_call GROUP BY hour, failed"
        " ORDER BY hour, failed",
        m=model,
    )
    first, ms, price = NOW // 10**9, 10**6, Decimal("0.000123")
    cost = bucket(123_000_000)
    assert rows == [
        (first, False, 3, 1, 20, 2, price, 1300 * ms,
         Counter({bucket(100 * ms): 1, bucket(200 * ms): 1, bucket(1000 * ms): 1}), {bucket(5e8): 1}, {cost: 1, -1: 1},
         {bucket(15): 2}),
        (first, True, 1, 0, 10, 1, price, 0, {-1: 1}, {}, {cost: 1}, {bucket(15): 1}),
        (first + 3600, False, 1, 0, 10, 1, price, 300 * ms, {bucket(300 * ms): 1}, {}, {cost: 1}, {bucket(15): 1}),
    ]  # fmt: skip


def test_what_sampling_left_out_stands_beside_the_sums_of_the_hour(stack: Stack) -> None:
    model = os.urandom(8).hex()
    insert(stack, call(model, NOW, trace_state="ot=th:c"), call(model, NOW))
    sums = "sum(spans), sum(unsampled_spans), sum(unsampled_input_tokens), sum(cost_usd), sum(unsampled_cost_usd)"
    (row,) = ask(stack, f"SELECT {sums} FROM span_1h WHERE model = {{m:String}}", m=model)
    assert row == (2, 3.0, 30.0, Decimal("0.000246"), Decimal("0.000369"))


def test_the_index_tells_where_a_trace_is_and_what_it_comes_to(stack: Stack) -> None:
    trace_id, model = os.urandom(16), os.urandom(8).hex()
    root = span(
        {"gen_ai.operation.name": "invoke_agent", "user.id": "ada"},
        trace_id=trace_id,
        name="answer",
        start_time_unix_nano=NOW - 10**9,
        end_time_unix_nano=NOW + HOUR,
    )
    parent = root.span_id
    failed = Status(code=Status.STATUS_CODE_ERROR)
    insert(stack, root, call(model, NOW, trace_id=trace_id, parent_span_id=parent), times=2)
    insert(stack, call(model, NOW + HOUR, trace_id=trace_id, parent_span_id=parent, status=failed), times=2)
    (row,) = ask(
        stack,
        "SELECT toUnixTimestamp64Nano(min(first_at)), toUnixTimestamp64Nano(max(last_at)),"
        " toUnixTimestamp64Nano(max(end_at)),"
        " max(root_name), max(root_service), sum(t.spans), sum(t.calls), sum(t.errors), sum(t.priced), sum(t.cost_usd),"
        " max(t.user_id), groupUniqArrayArray(models) FROM traces AS t WHERE trace_id = {id:String}",
        id=trace_id.hex(),
    )
    assert row == (
        NOW - 10**9, NOW + HOUR, NOW + HOUR + 10**9, "answer", "shop", 3, 2, 1, 2, Decimal("0.000246"), "ada", [model]
    )  # fmt: skip


def test_filters_are_offered_what_was_there_on_a_day(stack: Stack) -> None:
    tag = os.urandom(8).hex()
    more = {"user.id": f"u{tag}", "llmtrace.feature": f"f{tag}", "llmtrace.team": f"t{tag}"}
    insert(stack, call(f"m{tag}", NOW, **more), call(f"m{tag}", NOW, **more), times=2)
    rows = ask(
        stack,
        "SELECT field, value, sum(spans), sum(calls), sum(errors), sum(cost_usd) FROM dim_values"
        " WHERE endsWith(value, {t:String}) GROUP BY field, value ORDER BY field",
        t=tag,
    )
    assert rows == [
        (field, f"{field[0]}{tag}", 2, 2, 0, Decimal("0.000246")) for field in ("feature", "model", "team", "user")
    ]


def test_a_percentile_read_from_a_histogram_is_within_four_and_a_half_percent(stack: Stack) -> None:
    sql = """
    WITH values AS (SELECT toUInt64(exp(cityHash64(number) % 1000 / 1000. * 30)) AS v FROM numbers(20000))
    SELECT max(abs(exp2((b + 0.5) / 8) / v - 1)),
        countIf(v NOT BETWEEN exp2(b / 8.) * 0.999999 AND exp2((b + 1) / 8.) * 1.000001)
    FROM (SELECT v, floor(8 * log2(v)) AS b FROM values WHERE v > 0)
    """
    ((worst, outside),) = ask(stack, sql)
    assert worst < 0.045
    assert outside == 0


@pytest.fixture
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An owner's client of a database of the version before the rollups."""
    with stack_at(tmp_path_factory.mktemp("before"), new=True) as stack:
        stack.store()
        client = stack.owner()
        client.command("CREATE DATABASE IF NOT EXISTS llmtrace")
        client.database = "llmtrace"
        for step in migrations():
            for statement in step.statements if step.version < 10 else ():
                client.command(statement)
        yield client


def put(client: Any, count: int, *, days_old: int = 0) -> None:
    start = f"toDateTime64({NOW // 10**9 - days_old * 86_400}, 9, 'UTC')"
    client.command(
        "INSERT INTO spans (project, timestamp, trace_id, span_id, model, is_call, cost_usd, duration_ns, user_id)"
        f" SELECT 'default', {start} + number, toString(number % 7), toString(number), 'm' || toString(number % 3),"
        f" true, 0.001, number * 1000, 'u' || toString(number % 5) FROM numbers({count})"
    )


def unlike(client: Any) -> list[str]:
    """Rollups whose content is not what their view says of the spans there are."""
    found = []
    for rollup in ROLLUPS:
        select = client.command(f"SELECT as_select FROM system.tables WHERE name = '{rollup}_mv' FORMAT TSVRaw")
        wanted = str(select).replace(f"s.rollups >= {VERSION}", "true")
        sums = {
            "span_1h": "project, hour, model, sum(spans) AS a, sum(cost_usd) AS b, sumMap(duration_hist) AS c",
            "service_1h": "hour, service_name, sum(spans) AS a, sum(cost_usd) AS b, sumMap(duration_hist) AS c",
            "traces": "trace_id, hour, sum(spans) AS a, sum(cost_usd) AS b, max(end_at) AS c",
            "dim_values": "project, day, field, value, sum(spans) AS a, sum(cost_usd) AS b",
        }[rollup]
        both = [
            client.query(f"SELECT {sums} FROM {source} GROUP BY ALL ORDER BY ALL").result_rows
            for source in (rollup, f"({wanted})")
        ]
        if both[0] != both[1]:
            found.append(rollup)
    return found


def test_spans_from_before_are_added_once_whoever_inserts_meanwhile(before: Any) -> None:
    put(before, 1000)
    put(before, 500, days_old=3)
    (tenth,) = (m for m in migrations() if m.version == 10)
    for statement in tenth.statements[:-1]:
        before.command(statement)
        put(before, 10)  # an older collector, between any two statements
    assert migrate(before)[-1] == migrations()[-1].version
    put(before, 20)
    _add(before, "span_1h", time.strftime("%Y-%m-%d", time.gmtime(NOW // 10**9)))  # a run that was cut short
    put(before, 30)
    assert backfill(before) == 2
    assert unlike(before) == []
    assert before.command("SELECT count() FROM spans") == 1550 + 10 * (len(tenth.statements) - 1)
    put(before, 40, days_old=3)
    assert backfill(before) == 0
    assert unlike(before) == []
