"""Words of captured messages are found by the text index, and the schema does without it on an older ClickHouse."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from llmtrace_collector.schema.migrate import migrate, migrations
from llmtrace_collector.signals import Signal
from support.landing import land
from support.otlp import CALL, request, span
from support.services import Stack, stack_at

SEARCH = " OR ".join(
    rf"hasAllTokens(lower(replaceRegexpAll({side}_messages, '\\\\[bfnrt]', ' ')), lower({{words:String}}))"
    for side in ("input", "output")
)


@pytest.fixture
def word(stack: Stack) -> str:
    """A word of its own in a message of two lines; its span is stored."""
    word = "w" + os.urandom(8).hex()
    said = [{"role": "user", "parts": [{"type": "text", "content": f"first line\n{word} Café, order_4711"}]}]
    body = request(span({**CALL, "gen_ai.input.messages": json.dumps(said, ensure_ascii=False)}))
    land(stack, Signal.TRACES, body)
    return word


@pytest.mark.parametrize("words", ["{}", "ORDER {} first", "café {}", "4711 {}"])
def test_words_are_found_in_any_case_and_order_and_after_the_end_of_a_line(stack: Stack, word: str, words: str) -> None:
    sql = f"SELECT count() FROM span_content WHERE {SEARCH}"
    assert stack.reader().query(sql, parameters={"words": words.format(word)}).result_rows == [(1,)]
    assert stack.reader().query(sql, parameters={"words": f"n{word}"}).result_rows == [(0,)]
    assert stack.reader().query(sql, parameters={"words": f"{word} absent"}).result_rows == [(0,)]


def test_a_search_is_answered_by_the_index(stack: Stack, word: str) -> None:
    sql = f"EXPLAIN indexes = 1 SELECT count() FROM span_content WHERE {SEARCH}"
    told = "\n".join(row[0] for row in stack.owner().query(sql, parameters={"words": word}).result_rows)
    assert "idx_input_words" in told
    assert "idx_output_words" in told


class Older:
    """A client of a ClickHouse that says it is of an older version, and refuses what that one would not know."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def command(self, sql: str, **more: Any) -> Any:
        if sql == "SELECT version()":
            return "25.8.1.1"
        assert "TYPE text" not in sql
        return self._client.command(sql, **more)


def test_an_older_server_gets_every_table_and_no_text_index(tmp_path: Path) -> None:
    with stack_at(tmp_path, new=True) as stack:
        stack.store()
        client = stack.owner()
        assert migrate(Older(client)) == [m.version for m in migrations()]  # type: ignore[arg-type]
        indexes = "SELECT count() FROM system.data_skipping_indices WHERE table = 'span_content'"
        assert client.command(indexes) == 0
        assert client.command("SELECT default_expression FROM system.columns WHERE name = 'rollups'") == 11
