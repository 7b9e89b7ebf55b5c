"""What the instrument sends besides spans is kept: its events by default, its metrics where they are asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from llmtrace.testing import FakeProvider
from llmtrace_collector.database import rows
from support.services import Stack
from support.waiting import wait_for

APP = """
import sys, openai, llmtrace
llmtrace.instrument(endpoint=sys.argv[2], capture_content="event_only")
with openai.OpenAI(base_url=sys.argv[1], api_key="x") as client:
    client.chat.completions.create(model=sys.argv[3], messages=[{"role": "user", "content": "what year?"}])
assert llmtrace.flush(), "something was not taken"
"""


@pytest.mark.processes
@pytest.mark.parametrize("metrics", [False, True])
def test_events_and_metrics_of_a_call_arrive_whole(stack: Stack, metrics: bool) -> None:
    model = f"gpt-4o-{os.urandom(4).hex()}"
    environ = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    environ |= {"OTEL_METRICS_EXPORTER": "otlp"} if metrics else {}
    with FakeProvider() as provider:
        command = [sys.executable, "-c", APP, provider.base_url, stack.http_url, model]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "not take" not in done.stderr

    def found(sql: str) -> list[dict[str, Any]]:
        return rows(stack.reader(), sql, {"model": model})

    span_sql = "SELECT trace_id, span_id, input_tokens FROM spans WHERE request_model = {model:String}"
    (span,) = wait_for(lambda: found(span_sql), 30, what="the span")
    event_sql = "SELECT * FROM log_records WHERE attributes['gen_ai.request.model'] = {model:String}"
    (event,) = wait_for(lambda: found(event_sql), 30, what="the event")
    assert event["event_name"] == "gen_ai.client.inference.operation.details"
    assert (event["trace_id"], event["span_id"]) == (span["trace_id"], span["span_id"])
    assert not [name for name in event["attributes"] if "messages" in name]
    sql = f"SELECT * FROM span_content WHERE trace_id = '{span['trace_id']}'"
    (content,) = found(sql)
    assert json.loads(content["input_messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "what year?"}]}
    ]
    assert json.loads(content["output_messages"])[0]["role"] == "assistant"
    if metrics:
        sql = (
            "SELECT name, unit, count, sum, length(bucket_counts) - length(bounds) AS more FROM metrics_histogram WHERE"
            " attributes['gen_ai.request.model'] = {model:String} AND attributes['gen_ai.token.type'] IN ('', 'input')"
        )
        told = {row["name"]: row for row in wait_for(lambda: found(sql), 30, what="the metrics")}
        duration = told["gen_ai.client.operation.duration"]
        assert (duration["unit"], duration["count"]) == ("s", 1)
        assert told["gen_ai.client.token.usage"]["sum"] == span["input_tokens"]
        assert {row["more"] for row in told.values()} == {1}
