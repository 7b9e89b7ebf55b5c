"""A retry arrives in the store as an event of its call."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest

import llmtrace
from llmtrace.testing import FakeProvider
from llmtrace_collector.database import rows
from support.services import stack_at
from support.waiting import wait_for

pytestmark = [pytest.mark.processes]

SQL = "SELECT `events.name`, `events.attributes`, attributes FROM spans"


def test_a_retried_call_is_one_row_with_an_event_for_each_retry(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack, FakeProvider() as provider:
        stack.store()
        stack.collector()
        llmtrace.instrument(endpoint=stack.http_url)
        try:
            provider.fail_next(429, 500)
            with openai.OpenAI(base_url=provider.base_url, api_key="x", max_retries=2) as client:
                client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
            assert llmtrace.flush()
        finally:
            llmtrace.uninstrument()
        wait_for(lambda: rows(stack.reader(), SQL), what="the row of the call")
        (row,) = rows(stack.reader(), SQL)
    assert row["events.name"] == ["llmtrace.retry", "llmtrace.retry"]
    first, second = row["events.attributes"]
    assert (first["error.type"], first["llmtrace.retry.attempt"], first["llmtrace.retry.wait"]) == ("429", "1", "0.02")
    assert (second["error.type"], second["llmtrace.retry.attempt"]) == ("500", "2")
    assert row["attributes"]["llmtrace.retry.count"] == "2"
