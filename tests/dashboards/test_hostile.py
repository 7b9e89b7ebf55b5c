"""Hostile text wherever an app can write some: on every page it is drawn as text, and does nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from llmtrace_collector.schema.migrate import migrate
from support.app import app_command, owner
from support.browser import page_on, settled
from support.seed import Seed, make
from support.services import Process, stack_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.processes]

CORPUS = (
    "<script>alert(1)</script>",
    "<img src=http://evil.example/a.png onerror=alert(2)>",
    "<svg/onload=alert(3)><style>*{display:none}</style>",
    "</textarea></title></script><iframe src=http://evil.example/></iframe>",
    "![pixel](http://evil.example/b.png) [here](javascript:alert(4)) <http://evil.example/c>",
    "javascript:alert(5)",
    "data:text/html,<script>alert(6)</script>",
    "{{constructor.constructor('alert(7)')()}} ${alert(8)} <%= 7*7 %>",
    "$\\frac{1}{0}$ $$x$$ :material/delete: :red[red] :small[s] ~~gone~~ # heading",
    "__proto__",
    "constructor",
    "toString",
    "datum['x'] || alert(9)",
    "a.b[c]\\.d\"e'f",
    "'; DROP TABLE spans; --",
    "\u202egnp.exe\u202c \u2066isolated\u2069 \u200fright to left\u200e",
    "zero\u200bwidth\u2060joined\ufeff",
    "\x1b[31mred\x1b[0m \x07bell",
    "Z̸̢̛͍a̵l̷g̶o̴ 👩‍👩‍👧‍👦 🏳️‍🌈 ﷽",
    '=HYPERLINK("http://evil.example")',
    "|a|b|\n|-|-|\n```\ncode",
    "W" * 5_000,
    "NaN",
    "null",
    "-0",
    " ",
)
HUGE = ("<b onmouseover=alert(10)>&amp;\u202e" * 200_000)[:5_000_000]
FIELDS = (
    "model",
    "request_model",
    "response_model",
    "name",
    "provider",
    "service_name",
    "environment",
    "feature",
    "team",
    "user_id",
    "session_id",
    "prompt_name",
    "prompt_version",
    "tool_name",
    "error_type",
    "status_message",
    "input_preview",
    "output_preview",
    "operation",
)
PATHS = {
    "overview": ("", "What changed"),
    "spend": ("spend", "Dearest first"),
    "spend by version": ("spend?by=prompt_version", "Dearest first"),
    "latency": ("latency", "Failed calls by type"),
    "quality": ("quality", "Did calls shift?"),
    "traces": ("traces", "trace"),
    "spans": ("traces?grain=span", "span"),
    "alerts": ("alerts", "Now"),
    "health": ("health", "Health"),
}


def spans(now: datetime) -> list[dict[str, Any]]:
    """A trace for each text, of a call that failed and one that did not, this day and the day before."""
    base = next(span for span in make(now).spans if span["is_call"] and span["cost_usd"])
    rows = []
    for number, text in enumerate(CORPUS * 2):
        early = number >= len(CORPUS)
        for child in range(2):
            fields = dict.fromkeys(FIELDS, text)
            at = now - timedelta(hours=30 if early else 2, minutes=number)
            ids = {"trace_id": f"{number + 1:032x}", "span_id": f"{2 * number + child + 1:016x}"}
            ids["parent_span_id"] = f"{2 * number + 1:016x}" if child else ""
            failed = {"status_code": "ERROR" if child else "UNSET", "finish_reasons": [text]}
            tags = {"attributes": {text: text, "k": text}, "resource_attributes": {text: text}}
            rows.append(base | fields | ids | failed | tags | {"timestamp": at, "received_at": at})
    return rows


def content(span: dict[str, Any], text: str) -> dict[str, Any]:
    """Its messages, in every place that a message has."""
    parts = [
        {"type": "text", "content": text},
        {"type": "tool_call", "id": text, "name": text, "arguments": {text: text}},
        {"type": "tool_call_response", "id": text, "response": text},
        {"type": text, "content": text},
    ]
    messages = json.dumps([{"role": role, "parts": parts} for role in ("user", text)])
    own = {name: span[name] for name in ("project", "timestamp", "trace_id", "span_id")}
    said = {"input_messages": messages, "output_messages": messages, "tool_definitions": json.dumps([{text: text}])}
    return own | said | {"system_instructions": json.dumps([{"type": "text", "content": text}])}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an app on a store of such calls, alerts and scores."""
    now = datetime.now(UTC)
    with stack_at(tmp_path_factory.mktemp("hostile")) as stack:
        stack.store()
        client = owner(stack)
        migrate(client)
        rows = spans(now)
        said = [content(span, text) for span, text in zip(rows[::2], CORPUS, strict=False)]
        said[0]["input_messages"] = json.dumps([{"role": "user", "parts": [{"type": "text", "content": HUGE}]}])
        events = []
        for number, text in enumerate(CORPUS):
            event = make(now).alert_events[1]
            told = {"rule": text, "summary": text, "explanation": text, "reason": text, "link": f"{text}?from=1&to=2"}
            group = {"group_values": {"user": text, text: text}, "group_key": text, "event_id": f"evt_h{number}"}
            events.append(event | told | group)
        deliveries = [make(now).alert_deliveries[0] | {"webhook": text, "error": text} for text in CORPUS]
        Seed(spans=rows, span_content=said, alert_events=events, alert_deliveries=deliveries).insert(client)
        names = ["project", "timestamp", "trace_id", "span_id", "name", "value", "label", "explanation"]
        scores = [["default", now, rows[0]["trace_id"], rows[0]["span_id"], text, 1.0, text, text] for text in CORPUS]
        client.insert("scores", scores, column_names=names)
        process = Process.start(app_command(stack), stack.folder / "app.log")
        try:
            process.wait_answer(f"{stack.dashboard_url}/_stcore/health")
            yield stack.dashboard_url
        finally:
            process.clean_up()


def harmless(page: Page) -> None:
    """Nothing of it became an element, a link, or a page wider than the window."""
    settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    for inert in ("img[src*=evil]", "iframe", "a[href*='//evil']", "a[href^='javascript:']", "[onerror]", "[onload]"):
        assert page.locator(f"[data-testid=stApp] {inert}").count() == 0, inert
    main = page.get_by_test_id("stMain")
    assert main.evaluate("it => it.scrollWidth - it.clientWidth") <= 0
    assert main.evaluate("it => getComputedStyle(it).display") != "none"


@pytest.mark.parametrize("name", PATHS)
def test_hostile_text_is_text_on_every_page(browser: Browser, hostile: str, name: str) -> None:
    path, told = PATHS[name]
    with page_on(browser, hostile) as page:
        page.goto(f"{hostile}/{path}")
        expect(page.get_by_text(told).first).to_be_visible()
        settled(page)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
        if name != "health":  # a list has the first of them only
            drawn = "".join(page.locator("td, code, .message").all_text_contents())
            assert any(text in drawn for text in CORPUS if 4 < len(text) < 60)
        harmless(page)
        expect(page.get_by_text("No data", exact=True)).to_have_count(0)


def test_a_trace_reads_hostile_text_as_text(browser: Browser, hostile: str) -> None:
    """Its messages, attributes and JSON."""
    with page_on(browser, hostile) as page:
        for number in (0, 1, 2, 4, 8, 9, 15, 17, 21):
            page.goto(f"{hostile}/trace?trace_id={number + 1:032x}&span={2 * number + 1:016x}")
            expect(page.locator(".message .text").first).to_be_visible()
            for tab in ("Attributes", "JSON"):
                page.get_by_role("tab", name=tab).click()
                settled(page)
            harmless(page)


def test_an_alert_of_hostile_text_is_read_as_text(browser: Browser, hostile: str) -> None:
    with page_on(browser, hostile) as page:
        for number in (4, 15):
            page.goto(f"{hostile}/alerts?a=evt_h{number}")
            expect(page.get_by_text("Since").first).to_be_visible()
            harmless(page)


def test_a_prompt_of_five_megabytes_is_cut_and_can_be_had_whole(browser: Browser, hostile: str) -> None:
    """The page stays small: what crosses the wire is a small part of it."""
    received: list[int] = []
    with page_on(browser, hostile) as page:
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
        page.goto(f"{hostile}/trace?trace_id={1:032x}&span={1:016x}")
        expect(page.locator(".message .text").first).to_be_visible()
        harmless(page)
        assert sum(received) < 2 * 1024 * 1024
        expect(
            page.get_by_text("more characters").or_(page.get_by_role("button", name="All of it")).first
        ).to_be_visible()
