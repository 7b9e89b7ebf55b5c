"""Every recorded call, replayed through the real client, goes the whole way into `llmtrace.spans`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import llmtrace
from llmtrace_collector.database import rows
from support.replay import Recording, call, embeddings_calls, missing_reason, recordings
from support.services import Stack, stack_at
from support.waiting import wait_for

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(missing_reason() is not None, reason=missing_reason() or ""),
]

COLUMNS = {
    "input_tokens": "input",
    "output_tokens": "output",
    "cached_input_tokens": "cached",
    "cache_write_input_tokens": "cache_write",
    "reasoning_output_tokens": "reasoning",
}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, list[Recording]]]:
    calls = [*recordings(), *embeddings_calls()]
    with stack_at(tmp_path_factory.mktemp("replay")) as stack:
        stack.store()
        stack.collector()
        llmtrace.instrument(endpoint=stack.http_url)
        try:
            for each in calls:
                call(each)
            assert llmtrace.flush()
        finally:
            llmtrace.uninstrument()
        wait_for(lambda: count(stack) >= len(calls), what=f"{len(calls)} rows")
        yield stack, calls


def count(stack: Stack) -> int:
    return int(stack.reader().query("SELECT count() FROM spans").result_rows[0][0])


def test_there_is_one_row_for_each_call(replayed: tuple[Stack, list[Recording]]) -> None:
    stack, calls = replayed
    assert count(stack) == len(calls) == 119 + len(embeddings_calls())


def test_the_token_sums_and_the_errors_are_those_of_the_recordings(replayed: tuple[Stack, list[Recording]]) -> None:
    stack, calls = replayed
    sums = ", ".join(f"sum({column}) AS {column}" for column in COLUMNS)
    (got,) = rows(stack.reader(), f"SELECT {sums}, countIf(status_code = 'ERROR') AS errors FROM spans")
    expected = {
        column: sum(each.expected.get("usage", {}).get(key, 0) for each in calls) for column, key in COLUMNS.items()
    }
    expected["errors"] = sum("error_status" in each.expected for each in calls)
    assert {name: value or 0 for name, value in got.items()} == expected


def test_each_model_has_its_calls_and_tokens(replayed: tuple[Stack, list[Recording]]) -> None:
    stack, calls = replayed
    sql = (
        "SELECT response_model, count() AS calls, sum(ifNull(input_tokens, 0)) AS input FROM spans"
        " GROUP BY response_model"
    )
    got = {row["response_model"]: (row["calls"], row["input"]) for row in rows(stack.reader(), sql)}
    expected: dict[str, tuple[int, int]] = {}
    for each in calls:
        model = each.expected.get("model", "")
        number, tokens = expected.get(model, (0, 0))
        expected[model] = (number + 1, tokens + each.expected.get("usage", {}).get("input", 0))
    assert got == expected


def test_calls_without_reported_usage_have_null_tokens(replayed: tuple[Stack, list[Recording]]) -> None:
    stack, calls = replayed
    silent = sum("usage" not in each.expected for each in calls)
    sql = "SELECT countIf(isNull(input_tokens)) FROM spans"
    assert stack.reader().query(sql).result_rows == [(silent,)]


def test_the_rollup_counts_what_the_table_holds(replayed: tuple[Stack, list[Recording]], tmp_path: Path) -> None:
    stack, _ = replayed
    fields = "sum(calls), sum(errors), sum(input_tokens), sum(output_tokens), sum(cost_usd)"
    rollup = stack.reader().query(f"SELECT {fields} FROM spend_1m").result_rows
    table = stack.reader().query(
        "SELECT count(), countIf(status_code = 'ERROR'), sum(input_tokens), sum(output_tokens), sum(cost_usd)"
        " FROM spans WHERE is_call"
    )
    assert rollup == table.result_rows
