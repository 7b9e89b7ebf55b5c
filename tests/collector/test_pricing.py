"""Costs given later: right to the last digit, once, and the same in every rollup."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from llmtrace.calls import Usage
from llmtrace.prices import PriceBook, Unpriced
from llmtrace_collector.pricing import book
from llmtrace_collector.pricing.batches import Batches, Change, Changed, finish
from llmtrace_collector.signals import Signal
from support.command import llmtrace
from support.landing import land
from support.otlp import CALL, key_values, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

HOUR = "{h:DateTime('UTC')}"
FIRST = Change(reason="first", who="tests")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A store whose collector leaves unpriced calls to the tests."""
    with stack_at(tmp_path_factory.mktemp("pricing")) as stack:
        stack.store()
        stack.collector("--price-interval", "0")
        stack.wait_migrated()
        yield stack


def hour_of(number: int) -> datetime:
    """Whole hours of their own for each test, days ago."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=number)


def foreign(hour: datetime, model: str = "gpt-4o-2024-08-06", **more: Any) -> Span:
    """A call as another instrumentation tells it: tokens and no cost."""
    fields = {name: more.pop(name) for name in ("trace_state", "status", "trace_id") if name in more}
    named = {name.replace("__", "."): value for name, value in more.items()}
    attributes = {**CALL, "gen_ai.response.model": model, "gen_ai.request.model": model, **named}
    told = {name: value for name, value in attributes.items() if value is not None and name != "llmtrace.cost.usd"}
    at = int(hour.timestamp()) * 10**9 + 5 * 60 * 10**9
    return span(told, start_time_unix_nano=at, **fields)


def ask(stack: Stack, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in stack.owner().query(sql, parameters=parameters).result_rows]


MODELS = ("gpt-4o-2024-08-06", "gpt-4.1-2025-04-14", "o3-2025-04-16", "gpt-5-2025-08-07", "no-such-model")


def cost_by_the_book(model: str, at: datetime, *counts: int) -> Decimal | None:
    found = PriceBook().rates(("openai", "openai"), model, "standard", int(at.timestamp()) * 10**9)
    if isinstance(found, Unpriced):
        return None
    given, cached, made, thought = counts
    priced = found[0].price(Usage(input=given, cache_read=cached, output=made, reasoning=thought))
    assert not isinstance(priced, str)
    return sum(priced.parts.values(), Decimal(0))


def test_calls_without_a_cost_get_what_the_price_book_says_once_and_every_rollup_has_it(own: Stack) -> None:
    hour, dice, expected, spans = hour_of(30), random.Random(7), [], []
    for number in range(60):
        model = MODELS[number % len(MODELS)]
        given, made = dice.randrange(10**6), dice.randrange(10**5)
        cached, thought = dice.randrange(given + 1), dice.randrange(made + 1)
        expected.append(cost_by_the_book(model, hour, given, cached, made, thought))
        spans.append(foreign(hour, model, **tokens(given, cached, made, thought), user__id=f"u{number % 7}"))
    spans.append(foreign(hour, gen_ai__usage__input_tokens=None))  # not told: stays unknown
    spans.append(foreign(hour, status=Status(code=Status.STATUS_CODE_ERROR), **tokens(0, 0, 0, 0)))
    land(own, Signal.TRACES, request(*spans))
    batches = Batches(own.shard(), book.load(None))
    priced = [cost for cost in expected if cost is not None]
    whole = sum(priced, Decimal(0))
    seen = batches.preview(hour, FIRST)
    done = batches.price(hour, FIRST)
    assert seen == done == Changed(spans=len(priced) + 1, new_usd=whole)
    assert batches.price(hour, FIRST).spans == 0
    unknown = len(spans) - 1 - len(priced)
    inside = "BETWEEN {h:DateTime('UTC')} AND {h:DateTime('UTC')} + INTERVAL 59 MINUTE"
    for table, time_column in (("spend_1m", "minute"), ("span_1h", "hour"), ("service_1h", "hour"), ("traces", "hour")):
        sql = f"SELECT sum(cost_usd), sum(unpriced) FROM {table} WHERE {time_column} {inside}"
        assert ask(own, sql, h=hour) == [(whole, unknown)], table
    by_user = dict(
        ask(own, f"SELECT user_id, sum(cost_usd) FROM spend_1m WHERE minute {inside} GROUP BY user_id", h=hour)
    )
    assert by_user["u3"] == sum((cost or 0 for cost in expected[3::7]), Decimal(0))
    sql = "SELECT sum(cost_usd) FROM dim_values WHERE field = 'model' AND day = toDate({h:DateTime('UTC')})"
    assert ask(own, sql, h=hour) == [(whole,)]
    sql = f"SELECT sum(mapValues(cost_hist)[1]), sum(arraySum(mapValues(cost_hist))) FROM span_1h WHERE hour {inside}"
    assert ask(own, sql, h=hour)[0][1] == len(priced) + 1
    sql = f"SELECT count(cost_usd), sum(cost_usd), sum(told_cost_usd) FROM costs WHERE timestamp {inside}"
    assert ask(own, sql, h=hour) == [(len(priced) + 1, whole, None)]


def tokens(given: int, cached: int, made: int, thought: int) -> dict[str, int]:
    return {
        "gen_ai__usage__input_tokens": given,
        "gen_ai__usage__cache_read__input_tokens": cached,
        "gen_ai__usage__output_tokens": made,
        "gen_ai__usage__reasoning__output_tokens": thought,
    }


def test_what_a_killed_run_left_is_finished_once_by_the_next(own: Stack) -> None:
    class KilledError(Exception):
        pass

    class Killed:
        """The client of a process that ends at its n-th statement from the adjustment on."""

        def __init__(self, client: Any, after: int) -> None:
            self._client, self._left = client, after

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

        def command(self, sql: str, **more: Any) -> Any:
            if self._left == 0:
                raise KilledError
            self._left -= "INSERT" in sql
            return self._client.command(sql, **more)

    for after in (1, 2, 4):
        hour = hour_of(40 + after)
        land(own, Signal.TRACES, request(*(foreign(hour, **tokens(1000, 100, 10, 0)) for _ in range(3))))
        with pytest.raises(KilledError):
            Batches(Killed(own.shard(), after), book.load(None)).price(hour, FIRST)
        batches = Batches(own.shard(), book.load(None))
        assert batches.price(hour, FIRST).spans == 0, "while the other may still be running"
        for _ in range(2):
            finish(own.shard(), grace_s=0)
            batches.price(hour, FIRST)
        cost = cost_by_the_book(MODELS[0], hour, 1000, 100, 10, 0) or Decimal(0)
        for table, column in (("spend_1m", "minute"), ("span_1h", "hour"), ("service_1h", "hour"), ("traces", "hour")):
            sql = f"SELECT sum(cost_usd), sum(unpriced) FROM {table} WHERE toStartOfHour({column}) = {HOUR}"
            assert ask(own, sql, h=hour) == [(3 * cost, 0)], (table, after)


def test_a_deletion_takes_later_costs_along_and_leaves_those_of_others(own: Stack) -> None:
    hour = hour_of(55)
    users = ("deleted", "kept")
    land(own, Signal.TRACES, request(*(foreign(hour, user__id=user, **tokens(1000, 0, 0, 0)) for user in users)))
    Batches(own.shard(), book.load(None)).price(hour, FIRST)
    code, said = llmtrace(own, "data", "delete", "--user", "deleted")
    assert code == 0, said
    assert ask(own, f"SELECT user_id FROM cost_adjustments WHERE toStartOfHour(timestamp) = {HOUR}", h=hour) == [
        ("kept",)
    ]
    for table, column in (("spend_1m", "minute"), ("span_1h", "hour"), ("service_1h", "hour"), ("traces", "hour")):
        sql = f"SELECT sum(cost_usd), sum(unpriced) FROM {table} WHERE toStartOfHour({column}) = {HOUR}"
        assert ask(own, sql, h=hour) == [(Decimal("0.0025"), 0)], table


def test_what_a_sampled_call_stands_for_is_allowed_for(own: Stack) -> None:
    hour = hour_of(50)
    land(own, Signal.TRACES, request(foreign(hour, trace_state="ot=th:c", **tokens(1000, 0, 0, 0))))
    Batches(own.shard(), book.load(None)).price(hour, FIRST)
    sql = (
        "SELECT sum(cost_usd), sum(unsampled_cost_usd), sum(unpriced), sum(unsampled_unpriced) FROM span_1h"
        " WHERE hour = {h:DateTime('UTC')}"
    )
    assert ask(own, sql, h=hour) == [(Decimal("0.0025"), Decimal("0.0075"), 0, 0.0)]


def test_calls_that_were_priced_are_priced_again_with_their_history_kept(own: Stack, tmp_path: Path) -> None:
    hour, again = hour_of(60), Change(reason="again", who="ada@desk")
    told = {
        "llmtrace.cost.usd": "0.0035",
        "llmtrace.cost.source": "list",
        "llmtrace.cost.unit_price.input": "2.5",
        "llmtrace.cost.unit_price.output": "10",
        "llmtrace.cost.tools_usd": "0.001",
    }
    right = call_with_cost(hour, told, **tokens(1000, 0, 0, 0))
    with_audio = call_with_cost(hour, {**told, "llmtrace.cost.usd": "0.0065"}, **tokens(1000, 0, 0, 0))
    cached_here = call_with_cost(hour, {"llmtrace.cost.usd": "0", "llmtrace.cost.source": "local_cache"})
    land(own, Signal.TRACES, request(right, with_audio, cached_here, foreign(hour, **tokens(2000, 0, 0, 0))))
    assert Batches(own.shard(), book.load(None)).price(hour, again) == Changed(spans=1, new_usd=Decimal("0.005")), (
        "at the same prices only what had none"
    )
    for price, total in (("1", "0.004"), ("3", "0.010")):
        (tmp_path / "own.toml").write_text(f"[[models]]\nmodel = 'gpt-4o*'\ninput = '{price}'\noutput = '1'\n")
        batches = Batches(own.shard(), book.load(None, tmp_path / "own.toml"))
        assert batches.price(hour, again).new_usd == Decimal(total)
        assert batches.price(hour, again).spans == 0
        expected = Decimal(total) + Decimal("0.0065")
        for table, column in (("spend_1m", "minute"), ("span_1h", "hour"), ("service_1h", "hour"), ("traces", "hour")):
            sql = f"SELECT sum(cost_usd) FROM {table} WHERE toStartOfHour({column}) = {HOUR}"
            assert ask(own, sql, h=hour) == [(expected,)], table
    sql = (
        "SELECT old_cost_usd, new_cost_usd, changed_by FROM cost_adjustments WHERE span_id = {s:String}"
        " ORDER BY changed_at"
    )
    assert ask(own, sql, s=right.span_id.hex()) == [
        (Decimal("0.0035"), Decimal("0.002"), "ada@desk"),
        (Decimal("0.002"), Decimal("0.004"), "ada@desk"),
    ]
    hist = ask(own, "SELECT sumMap(cost_hist) FROM span_1h WHERE hour = {h:DateTime('UTC')}", h=hour)[0][0]
    assert sum(hist.values()) == 4
    assert set(hist.values()) <= {0, 1, 2, 3}


def call_with_cost(hour: datetime, told: dict[str, str], **more: Any) -> Span:
    made = foreign(hour, **more)
    made.attributes.extend(key_values(told))
    return made


def test_the_collector_prices_what_came_without_a_cost_by_itself(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        stack.collector("--price-interval", "0.3")
        stack.wait_migrated()
        land(stack, Signal.TRACES, request(foreign(hour_of(1)), foreign(hour_of(1), "no-such-model")))
        sql = "SELECT sum(cost_usd), sum(unpriced) FROM spend_1m"
        wait_for(lambda: ask(stack, sql) == [(Decimal("0.000075"), 1)])
        land(stack, Signal.TRACES, request(foreign(hour_of(1))))
        wait_for(lambda: ask(stack, sql) == [(Decimal("0.000150"), 1)])


def test_the_commands_list_what_has_no_price_take_prices_price_again_and_compare_with_the_invoice(
    own: Stack, tmp_path: Path
) -> None:
    hour = hour_of(140)
    land(own, Signal.TRACES, request(foreign(hour, "our-model", **tokens(1000, 0, 0, 0))))
    code, said = llmtrace(own, "prices", "check")
    assert code == 1
    assert "openai our-model: 1 calls, 1,000 + 0 tokens" in said
    (tmp_path / "mine.toml").write_text("[[models]]\nmodel = 'our-model'\ninput = '2'\noutput = '1'\n")
    code, said = llmtrace(own, "prices", "update", str(tmp_path / "mine.toml"))
    assert (code, "own prices, 1 rows" in said) == (0, True), said
    range_ = ("--from", f"{hour:%Y-%m-%dT%H}:00", "--to", f"{hour + timedelta(hours=1):%Y-%m-%dT%H}:00")
    assert "would change: 1 calls, +0.002" in llmtrace(own, "prices", "reprice", *range_, "--dry-run")[1]
    assert "changed: 1 calls, +0.002" in llmtrace(own, "prices", "reprice", *range_)[1]
    assert "changed: 0 calls, +0" in llmtrace(own, "prices", "reprice", *range_)[1]
    assert "our-model" not in llmtrace(own, "prices", "check")[1]
    day = f"{hour:%Y-%m-%d}"
    (tmp_path / "costs.csv").write_text(f"date,model,cost\n{day},our-model,0.002\n")
    code, said = llmtrace(own, "reconcile", str(tmp_path / "costs.csv"), "--tolerance", "0")
    assert (code, "the sums agree within 0" in said) == (0, True), said
    (tmp_path / "costs.csv").write_text(f"date,model,cost\n{day},our-model,0.003\n")
    code, said = llmtrace(own, "reconcile", str(tmp_path / "costs.csv"), "--json")
    assert (code, json.loads(said)["total"]["difference_usd"]) == (1, "0.001000000000")
    assert llmtrace(own, "prices", "update", "--installed")[0] == 0
