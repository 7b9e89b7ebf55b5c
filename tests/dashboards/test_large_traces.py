"""Traces that nobody wants to have: tens of thousands of spans, circles, times that cannot be, names without end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from llmtrace_collector.schema.migrate import migrate
from support.app import app_command, owner
from support.browser import page_on, require_chromium, settled
from support.services import Process, stack_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LARGE = "ab" * 16
TANGLED = "cd" * 16
_SPANS = 30_500
_MOST_BYTES = 300 * 1024


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app on a store with two traces.

    `LARGE`: a root and 30,499 calls, some failed, one with an attribute of 6 MB. `TANGLED`: spans in a circle, without
    their parents, their own parents, deep below each other, longer than all else, and with names of 10 kB.
    """
    require_chromium()
    with stack_at(tmp_path_factory.mktemp("large")) as stack:
        stack.store()
        client = owner(stack)
        migrate(client)
        client.command(
            f"""
            INSERT INTO llmtrace.spans (project, timestamp, trace_id, span_id, parent_span_id, name, duration_ns,
                status_code, is_call, model, input_tokens, output_tokens, cost_usd, attributes)
            SELECT 'large', now64(9, 'UTC') - INTERVAL 1 HOUR + toIntervalMillisecond(number), repeat('ab', 16),
                lower(leftPad(hex(number + 1), 16, '0')), if(number = 0, '', leftPad('1', 16, '0')),
                if(number = 0, 'batch', 'chat gpt-5'),
                if(number = 0, {_SPANS}000000, 900000), if(number % 1000 = 999, 'ERROR', 'OK'), number > 0,
                if(number > 0, 'gpt-5', ''), if(number > 0, 10, NULL), if(number > 0, 5, NULL),
                if(number > 0, 0.001, NULL),
                map('huge', repeat('<b>&<i>', if(number = 3, 800000, 2)))
            FROM numbers({_SPANS})
            """
        )
        client.command(
            f"""
            INSERT INTO llmtrace.spans (timestamp, trace_id, span_id, parent_span_id, name, duration_ns, is_call)
            SELECT now64(9, 'UTC') - INTERVAL 1 HOUR, '{TANGLED}', lower(leftPad(hex(number + 1), 16, '0')),
                lower(leftPad(hex(multiIf(number < 2, 2 - number, number = 2, 3, number = 3, 9999, number)), 16, '0')),
                repeat('<i>\\u202e&', if(number = 4, 1250, 2)), if(number = 5, 100000000000000000, number), number % 2
            FROM numbers(100)
            """
        )
        process = Process.start(app_command(stack), stack.folder / "app.log")
        try:
            process.wait_answer(f"{stack.dashboard_url}/_stcore/health")
            yield stack.dashboard_url
        finally:
            process.clean_up()


@pytest.mark.browser
@pytest.mark.processes
def test_a_trace_of_thirty_thousand_spans_is_drawn_by_what_is_in_sight(
    browser: Browser, app: str, tmp_path: Path
) -> None:
    """It says what it leaves out; a span far down has an address; an attribute of 6 MB is cut, and whole in a file."""
    received: list[int] = []
    with page_on(browser, app) as page:
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
        page.goto(f"{app}/trace?trace_id={LARGE}&span={20_001:016X}".lower())
        rows = page.locator(".canvas .row")
        expect(page.locator(".canvas .row.selected")).to_have_attribute("href", re.compile(f"{20_001:016x}$"))
        expect(page.get_by_text("only its first 30,000 spans")).to_be_visible()
        expect(page.get_by_text("29,999 / 30,000")).to_be_visible()
        settled(page)
        assert rows.count() < 100
        assert page.locator(".canvas").evaluate("it => it.getBoundingClientRect().height") == 30_000 * 26
        assert sum(received) < 4 * 1024 * 1024
        rows.first.focus()
        page.keyboard.press("Home")
        page.keyboard.press("j")
        expect(page).to_have_url(re.compile(f"span={1_000:016x}"))
        expect(page.get_by_text("✕ Error").first).to_be_visible()
        page.keyboard.press("Home")
        for _ in range(3):
            page.keyboard.press("ArrowDown")
        settled(page)
        received.clear()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"span={4:016x}"))
        page.get_by_role("tab", name="Attributes").click()
        expect(page.get_by_text("… 5,598,000 more characters").first).to_be_visible()
        page.get_by_role("tab", name="JSON").click()
        with page.expect_download() as told:
            page.get_by_role("button", name="All of it").click()
        told.value.save_as(tmp_path / "span.json")
        assert json.loads((tmp_path / "span.json").read_text())["attributes"]["huge"] == "<b>&<i>" * 800_000
        assert 0 < sum(received) < 2 * _MOST_BYTES
        page.go_back()
        expect(page.locator(".canvas .row.selected")).to_have_attribute("href", re.compile(f"{1_000:016x}$"))


@pytest.mark.browser
@pytest.mark.processes
def test_a_tangled_trace_is_drawn_all_the_same(browser: Browser, app: str) -> None:
    """Each span once, as text, and any of them can be read."""
    with page_on(browser, app) as page:
        page.goto(f"{app}/trace?trace_id={TANGLED}")
        expect(page.get_by_text(re.compile("^50 / 100$"))).to_be_visible()
        assert page.locator(".canvas").evaluate("it => it.getBoundingClientRect().height") == 100 * 26
        page.locator(".canvas .row").first.focus()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("span="))
        expect(page.get_by_role("tab", name="Attributes")).to_be_visible()
        assert page.locator(".canvas i").count() == 0
