"""A response in the background is counted once: on the call that first sees its end."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

import llmtrace
from llmtrace.background import Begun, Ledger
from llmtrace.calls import Call, Server
from llmtrace.operations import RESPONSES
from support.spans import attributes, failed

ASK: Any = {"model": "gpt-5-mini", "input": "Write a book.", "background": True}
USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 300,
    "output_tokens_details": {"reasoning_tokens": 100},
    "total_tokens": 320,
}


def response(status: str, *, background: bool = True, **fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "background": background,
        "model": "gpt-5-mini-2025-08-07",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "service_tier": "default",
        "usage": USAGE if status == "completed" else None,
        **fields,
    }


def event(kind: str, number: int, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "sequence_number": number, **fields}


def counted(traces: Any) -> list[str]:
    """Names of the spans that report tokens, each with what they cost."""
    return [span.name for span in traces.spans() if "gen_ai.usage.input_tokens" in attributes(span)]


def test_polling_counts_once_on_the_first_that_sees_the_end(traces: Any, fake: Any, client: Any) -> None:
    fake.script("POST", "/responses", response("queued"))
    fake.script("GET", "/responses/resp_1", response("queued"), response("in_progress"), response("completed"))
    client.responses.create(**ASK)
    for _ in range(4):
        client.responses.retrieve("resp_1")
    created, first, second, third, fourth = traces.spans()
    assert [attributes(span)["llmtrace.response.status"] for span in traces.spans()] == [
        "queued", "queued", "in_progress", "completed", "completed",
    ]  # fmt: skip
    found = attributes(third)
    assert third.name == "fetch_response gpt-5-mini"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (20, 300)
    assert float(found["llmtrace.cost.usd"]) > 0
    assert [link.context.span_id for link in third.links] == [created.context.span_id]
    for span in (created, first, second, fourth):
        assert not [name for name in attributes(span) if "usage" in name or "cost" in name], span.name
        assert not span.links


def test_polling_counts_once_async(traces: Any, fake: Any, async_client: Any, run: Any) -> None:
    async def play() -> None:
        await async_client.responses.create(**ASK)
        for _ in range(3):
            await async_client.responses.retrieve("resp_1")

    fake.script("POST", "/responses", response("queued"))
    fake.script("GET", "/responses/resp_1", response("in_progress"), response("completed"))
    run(play())
    assert counted(traces) == ["fetch_response gpt-5-mini"]


def test_a_stored_response_that_ran_in_the_foreground_is_not_counted_again(traces: Any, fake: Any, client: Any) -> None:
    fake.script("POST", "/responses", response("completed", background=False))
    fake.script("GET", "/responses/resp_1", response("completed", background=False))
    client.responses.create(model="gpt-5-mini", input="hi")
    client.responses.retrieve("resp_1")
    assert counted(traces) == ["chat gpt-5-mini"]
    assert attributes(traces.spans()[1])["gen_ai.operation.name"] == "fetch_response"


def test_a_response_of_another_process_is_not_counted(traces: Any, fake: Any, client: Any) -> None:
    fake.script("GET", "/responses/resp_1", response("completed"))
    client.responses.retrieve("resp_1")
    assert counted(traces) == []
    assert "llmtrace.cost.unpriced_reason" not in attributes(traces.one())


def test_a_background_stream_read_to_its_end_counts_where_it_was_created(traces: Any, fake: Any, client: Any) -> None:
    fake.script(
        "POST",
        "/responses",
        [
            event("queued", 0, response=response("queued")),
            event("in_progress", 1, response=response("in_progress")),
            event("completed", 2, response=response("completed")),
        ],
    )
    fake.script("GET", "/responses/resp_1", response("completed"))
    list(client.responses.create(**ASK, stream=True))
    client.responses.retrieve("resp_1")
    assert counted(traces) == ["chat gpt-5-mini"]


def test_a_background_stream_that_is_taken_up_again_counts_where_it_ends(traces: Any, fake: Any, client: Any) -> None:
    fake.script(
        "POST",
        "/responses",
        [event("queued", 0, response=response("queued")), event("in_progress", 1, response=response("in_progress"))],
    )
    fake.script("GET", "/responses/resp_1", [event("completed", 2, response=response("completed"))])
    list(client.responses.create(**ASK, stream=True))
    list(client.responses.retrieve("resp_1", stream=True, starting_after=1))
    list(client.responses.retrieve("resp_1", stream=True, starting_after=1))
    created, resumed, again = traces.spans()
    assert counted(traces) == ["fetch_response gpt-5-mini"]
    assert attributes(resumed)["gen_ai.request.stream"] is True
    assert resumed.links[0].context.span_id == created.context.span_id
    assert attributes(again)["llmtrace.response.stream_end"] == "completed"


def test_one_that_is_cancelled_is_over_and_what_it_used_counts(traces: Any, fake: Any, client: Any) -> None:
    fake.script("POST", "/responses", response("queued"))
    fake.script("POST", "/responses/resp_1/cancel", response("cancelled", usage=USAGE))
    fake.script("GET", "/responses/resp_1", response("cancelled", usage=USAGE))
    client.responses.create(**ASK)
    client.responses.cancel("resp_1")
    client.responses.retrieve("resp_1")
    assert counted(traces) == ["responses.cancel gpt-5-mini"]


def test_one_that_failed_fails_the_call_that_sees_it_first(traces: Any, fake: Any, client: Any) -> None:
    error = {"code": "server_error", "message": "It broke."}
    fake.script("POST", "/responses", response("queued"))
    fake.script("GET", "/responses/resp_1", response("failed", error=error))
    client.responses.create(**ASK)
    client.responses.retrieve("resp_1")
    client.responses.retrieve("resp_1")
    created, first, second = traces.spans()
    assert [failed(span) for span in (created, first, second)] == [False, True, False]
    assert attributes(first)["error.type"] == "server_error"
    assert second.status.status_code is StatusCode.UNSET


def test_the_tier_that_was_asked_for_prices_it(traces: Any, fake: Any, client: Any) -> None:
    fake.script("POST", "/responses", response("queued", service_tier="auto"))
    fake.script("GET", "/responses/resp_1", response("completed", service_tier=None))
    client.responses.create(**ASK, service_tier="flex")
    client.responses.retrieve("resp_1")
    assert attributes(traces.spans()[1])["llmtrace.cost.unpriced_reason"] == "service_tier_not_reported"


def test_the_ledger_is_bounded_and_forgets_the_oldest() -> None:
    server = Server(provider="openai", price_provider="openai", address="api.openai.com", port=443)
    ledger = Ledger(limit=2)
    for number in range(3):
        ledger.open(f"resp_{number}", Begun(call=Call(operation=RESPONSES, server=server), span_context=None))
    assert [ledger.close(f"resp_{number}") is not None for number in range(3)] == [False, True, True]
    assert ledger.close("resp_2") is None


def test_a_forked_child_leaves_to_its_parent_what_that_has_begun(traces: Any, fake: Any, client: Any) -> None:
    fake.script("POST", "/responses", response("queued"))
    fake.script("GET", "/responses/resp_1", response("completed"))
    client.responses.create(**ASK)
    assert llmtrace.flush()
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()

    def child() -> None:
        client.responses.retrieve("resp_1")
        there.send(counted(traces))

    process = context.Process(target=child)
    process.start()
    assert here.poll(30)
    assert here.recv() == []
    process.join(30)
    client.responses.retrieve("resp_1")
    assert counted(traces) == ["fetch_response gpt-5-mini"]


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_one_that_still_runs_has_no_cost_and_no_reason_for_none(
    status: str, traces: Any, fake: Any, client: Any
) -> None:
    fake.script("POST", "/responses", response(status))
    client.responses.create(**ASK)
    assert not [name for name in attributes(traces.one()) if name.startswith("llmtrace.cost")]
