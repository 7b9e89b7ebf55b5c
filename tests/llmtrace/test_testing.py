"""What users test their apps with: capture, the frozen clock, fixtures, and the examples of the pages."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openai
import pytest
from inline_snapshot import snapshot

import llmtrace
from llmtrace import clock
from llmtrace.testing import FakeProvider, capture, frozen_clock
from llmtrace.testing.fixtures import captured, fake_provider, frozen_time

__all__ = ["captured", "fake_provider", "frozen_time"]

ROOT = Path(__file__).resolve().parents[2]
CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
PAGES = ("docs/how-to/test-an-app.md", "docs/how-to/trace-your-own-functions.md")
EXAMPLES = [
    (page, at, code)
    for page in PAGES
    for at, code in enumerate(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
]


@pytest.mark.parametrize(("page", "at", "code"), EXAMPLES, ids=[f"{page}-{at}" for page, at, _ in EXAMPLES])
def test_the_examples_of_the_pages_run(page: str, at: int, code: str) -> None:
    exec(compile(code, f"{page}[{at}]", "exec"), {"__name__": "example"})


def test_the_tree_of_the_page_on_own_functions_is_what_its_code_makes(captured: Any, fake: Any, client: Any) -> None:
    page = (ROOT / "docs/how-to/trace-your-own-functions.md").read_text()
    code, shown = re.findall(r"```(?:python)?\n(.*?)```", page, re.DOTALL)[:2]
    made: dict[str, Any] = {"__name__": "example"}
    exec(code, made)
    made["answer"](client, "Why?")
    assert captured.tree() == shown.rstrip()


def test_what_is_captured_is_plain_data(captured: Any, fake: Any, client: Any) -> None:
    with captured.provider.get_tracer("app").start_as_current_span("request") as span:
        span.add_event("began", {"n": 1})
        client.chat.completions.create(**CHAT)
    assert captured.tree("gen_ai.request.model") == snapshot(
        """\
request
  chat gpt-4o  gen_ai.request.model='gpt-4o'\
"""
    )
    request, call = captured.spans()
    assert (call.kind, call.parent, call.status, call.scope) == ("client", "request", "unset", "llmtrace")
    assert (call.trace_id, call.parent_id) == (request.trace_id, request.span_id)
    assert [(event.name, event.attributes) for event in request.events] == [("began", {"n": 1})]
    assert request.parent is None
    assert 0 < call.duration_s < 60


def test_a_failed_call_is_seen_in_the_tree(captured: Any, fake: Any, client: Any) -> None:
    fake.fail_next(500)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**CHAT)
    assert captured.tree("http.response.status_code") == snapshot("chat gpt-4o  http.response.status_code=500  ERROR")


def test_one_shows_what_there_is_when_it_is_not_one(captured: Any, fake: Any, client: Any) -> None:
    with pytest.raises(AssertionError, match=r"expected one span, there are 0; captured:\n\(nothing\)"):
        captured.one()
    client.chat.completions.create(**CHAT)
    client.embeddings.create(model="text-embedding-3-small", input="hi")
    assert captured.one("chat gpt-4o").name == "chat gpt-4o"
    with pytest.raises(AssertionError, match="there are 2; captured:\nchat gpt-4o\nembeddings"):
        captured.one()
    captured.clear()
    assert captured.spans() == []


def test_capture_ends_with_its_block_and_refuses_to_begin_in_another(fake: Any, client: Any) -> None:
    with capture() as outer:
        llmtrace.instrument()  # as the app itself does when it is imported
        client.chat.completions.create(**CHAT)
        with pytest.raises(RuntimeError, match=r"call llmtrace\.uninstrument"), capture():
            pass
    client.chat.completions.create(**CHAT)
    assert [span.name for span in outer.finished()] == ["chat gpt-4o"]


def test_arguments_of_capture_are_those_of_instrument(fake: Any, client: Any) -> None:
    with capture(capture_content=True) as made:
        client.chat.completions.create(**CHAT)
        assert "hi" in str(made.one().attributes["gen_ai.input.messages"])


def test_a_frozen_clock_makes_durations_exact(captured: Any) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with (
        frozen_clock(at) as frozen,
        FakeProvider(latency_s=0.25, sleep=frozen.advance) as provider,
        openai.OpenAI(base_url=provider.base_url, api_key="x") as client,
    ):
        client.chat.completions.create(**CHAT)
        frozen.advance(2)
        client.chat.completions.create(**CHAT)
        first, second = captured.spans()
    assert first.start_ns == int(at.timestamp()) * 1_000_000_000
    assert (first.duration_s, second.duration_s) == (0.25, 0.25)
    assert second.start_ns - first.end_ns == 2_000_000_000
    assert clock.now_ns is time.time_ns


def test_a_frozen_clock_makes_the_time_to_the_first_token_exact_async_as_well(captured: Any, run: Any) -> None:
    async def stream(base_url: str) -> None:
        async with openai.AsyncOpenAI(base_url=base_url, api_key="x") as client:
            async for _ in await client.chat.completions.create(**CHAT, stream=True):
                pass

    with frozen_clock() as frozen, FakeProvider(time_to_first_token_s=1.5, sleep=frozen.advance) as provider:
        run(stream(provider.base_url))
        found = captured.one()
    assert found.attributes["llmtrace.response.time_to_first_token"] == 1.5
    assert found.duration_s == 1.5


def test_time_does_not_go_back(frozen_time: Any) -> None:
    with pytest.raises(ValueError, match="give 0 or more seconds"):
        frozen_time.advance(-1)


def test_the_fixtures_are_what_they_say(fake_provider: Any, captured: Any, frozen_time: Any) -> None:
    with openai.OpenAI(base_url=fake_provider.base_url, api_key="x") as client:
        client.chat.completions.create(**CHAT)
    assert captured.one().start_ns == frozen_time.now_ns()
