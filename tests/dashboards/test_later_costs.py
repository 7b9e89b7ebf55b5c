"""What the app shows of a cost that was found out later is what the view `costs` has, wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from llmtrace_collector.pricing import book
from llmtrace_collector.pricing.batches import Batches, Change
from llmtrace_collector.schema.migrate import migrate
from llmtrace_dashboards import database
from llmtrace_dashboards.queries import calls, traces
from llmtrace_dashboards.queries.sources import RAW_UP_TO
from llmtrace_dashboards.state.ranges import HOUR_MS, Window
from llmtrace_dashboards.state.view import View
from support.app import owner
from support.seed import millis
from support.services import Stack, stack_at

NEW = ["project", "timestamp", "trace_id", "span_id", "name", "is_call", "operation", "provider", "model", "user_id"]
NEW += ["response_model", "input_tokens", "output_tokens", "cost_usd", "status_code", "service_name", "duration_ns"]
WEIGHED = [*NEW, "sampling_threshold"]


def call(at: datetime, number: int, model: str, cost: str | None, *, failed: bool = False) -> list[Any]:
    usd = None if cost is None else Decimal(cost)
    status = "ERROR" if failed else "UNSET"
    where = ["default", at, f"{number // 3:032x}", f"{number:016x}", "chat", True, "chat", "openai", model]
    return [*where, f"u{number % 2}", model, 1000 + number, 10, usd, status, f"s{number % 2}", 10**9]


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Window]]:
    """Calls of one hour: some told their cost, some got one later, some have none; one stands for four."""
    with stack_at(tmp_path_factory.mktemp("later")) as stack:
        stack.store()
        client = owner(stack)
        migrate(client)
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
        at = hour + timedelta(minutes=7)
        rows = [call(at, n, "gpt-4o-2024-08-06", None if n % 2 else "0.5") for n in range(8)]
        rows += [call(at, n, "no-such-model", None) for n in range(8, 11)]
        rows += [call(at, 11, "gpt-4o-2024-08-06", None, failed=True)]
        client.insert("spans", rows, column_names=NEW)
        # th:c is a quarter of all.
        client.insert("spans", [[*call(at, 12, "gpt-4o-2024-08-06", None), "c"]], column_names=WEIGHED)
        assert Batches(client, book.load(None)).price(hour, Change(reason="first", who="tests")).spans == 6
        database.use(database.Address(port=stack.store_port))
        start = millis(hour)
        yield stack, Window(start_ms=start, end_ms=start + HOUR_MS)


VIEWS = (
    View(),
    View(model=("gpt-4o-2024-08-06",)),
    View(model=("no-such-model",)),
    View(status=("error",)),
    View(svc=("s1",)),
)


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_totals_from_spans_are_those_of_the_rollup_by_hour(priced: tuple[Stack, Window], view: View) -> None:
    _, window = priced
    raw, hours = (calls.totals(view, window, spans) for spans in (1, RAW_UP_TO + 1))
    assert (raw.name, hours.name) == ("totals_raw", "totals_hours")
    names = ("stored", "calls", "errors", "unpriced", "cost_usd", "input_tokens")
    told = [{n: row[n] for n in names} for query in (raw, hours) for row in database.rows(query)]
    assert told[0] == told[1]


def test_every_figure_of_cost_has_what_was_found_out_later(priced: tuple[Stack, Window]) -> None:
    stack, window = priced
    sql = "SELECT trace_id, span_id, cost_usd FROM costs"
    costs = {(row[0], row[1]): row[2] for row in owner(stack).query(sql).result_rows}
    known = [cost for cost in costs.values() if cost is not None]
    assert len(known) == 10
    one_of_four = costs[f"{4:032x}", f"{12:016x}"]
    whole = sum(known, Decimal(0)) + 3 * one_of_four
    (found,) = database.rows(traces.matching(View(), window))
    assert (found["cost_usd"], found["unpriced"], found["calls"]) == (sum(known, Decimal(0)), 3, 13)
    (total,) = database.rows(calls.totals(View(), window, 1))
    assert (total["cost_usd"], total["unpriced"], total["stored"], total["calls"]) == (whole, 3, 13, 16)
    series = database.rows(calls.series(View(), window, 1))
    assert (sum(row["cost_usd"] for row in series), sum(row["unpriced"] for row in series)) == (whole, 3)
    models = {row["model"]: (row["cost_usd"], row["unpriced"]) for row in database.rows(calls.by_model(View(), window))}
    assert models == {"gpt-4o-2024-08-06": (whole, 0), "no-such-model": (None, 3)}
    for trace_id in {trace for trace, _ in costs}:
        rows = database.rows(traces.outline(trace_id, window))
        assert {(trace_id, row["span_id"]): row["cost_usd"] for row in rows} == {
            key: cost for key, cost in costs.items() if key[0] == trace_id
        }
    page = {row["trace_id"]: row["cost_usd"] for row in database.rows(traces.page(View(), window))}
    assert sum((cost for cost in page.values() if cost is not None), Decimal(0)) == sum(known, Decimal(0))
