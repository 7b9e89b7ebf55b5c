"""Journeys in a real browser on real processes. Every page also fails its test by asking another origin anything."""

from __future__ import annotations

import http.client
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from llmtrace_collector.schema.migrate import migrate
from llmtrace_dashboards import figures
from llmtrace_dashboards.state.ranges import ending_at
from support.app import Seeded, app_command, owner
from support.browser import page_on, settled
from support.seed import LONG, Seed, link, millis
from support.services import Process, Stack, stack_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture
def page(browser: Browser, app: str) -> Iterator[Page]:
    with page_on(browser, app) as fresh:
        yield fresh


def card(page: Page, label: str) -> Locator:
    """The value of a KPI card."""
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def table(page: Page, label: str) -> Locator:
    return page.get_by_role("region", name=label, exact=True)


def test_the_overview_shows_exactly_the_seeded_numbers(page: Page, app: str, seeded: Seeded) -> None:
    page.goto(app)
    window = ending_at(seeded.now_ms, "24h")
    calls = seeded.seed.calls(window.start_ms, window.end_ms)
    spent = sum(c["cost_usd"] for c in calls if c["cost_usd"] is not None)
    expect(card(page, "Calls")).to_have_text(figures.count(len(calls)))
    expect(card(page, "Spend, US$")).to_have_text(figures.money(spent))
    expect(table(page, "Calls by model").locator("tbody tr")).to_have_count(4)
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg")).to_have_count(3)


def test_the_link_of_an_alert_lands_on_exactly_its_calls(page: Page, app: str, seeded: Seeded) -> None:
    busiest = max(seeded.seed.calls(0, seeded.now_ms, user_id="ana", model="gpt-5"), key=lambda c: c["timestamp"])
    end_ms = millis(busiest["timestamp"]) + 1
    calls = seeded.seed.calls(end_ms - 3_600_000, end_ms, user_id="ana", model="gpt-5")
    page.goto(app + link(busiest["timestamp"] + timedelta(milliseconds=1), {"user": "ana", "model": "gpt-5"}))
    expect(page.get_by_text(figures.plural(len(calls), "call"), exact=True)).to_be_visible()
    expect(page.get_by_text(figures.plural(len({c["trace_id"] for c in calls}), "trace"), exact=True)).to_be_visible()
    expect(table(page, "Traces").locator("tbody tr")).to_have_count(len({c["trace_id"] for c in calls}))


def test_from_firing_alert_to_a_message_and_back(page: Page, app: str) -> None:
    page.goto(f"{app}/alerts")
    firing = table(page, "Alerts").locator("tbody tr").filter(has_text="firing")
    expect(firing).to_contain_text("hourly spend per user")
    page.get_by_role("link", name="Overview").click()
    expect(page).to_have_url(re.compile(r":\d+/(\?.*)?$"))
    table(page, "Calls by model").get_by_role("link", name="gpt-5", exact=True).click()
    expect(page).to_have_url(re.compile(r"/traces\?from=\d+&to=\d+&model=gpt-5$"))
    first = table(page, "Traces").locator("tbody tr a").first
    first.click()
    expect(page).to_have_url(re.compile(r"/trace\?.*trace_id=[0-9a-f]{32}"))
    expect(card(page, "Duration")).to_be_visible()
    page.go_back()
    expect(table(page, "Traces").locator("tbody tr").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"/traces\?.*model=gpt-5"))
    page.go_back()
    expect(page).to_have_url(re.compile(r":\d+/(\?.*)?$"))
    expect(table(page, "Calls by model")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile("/alerts"))
    expect(table(page, "Alerts")).to_be_visible()


def test_no_figure_of_a_trace_is_cut_short(page: Page, app: str, seeded: Seeded) -> None:
    page.set_viewport_size({"width": 1120, "height": 900})
    tokens: Counter[str] = Counter()
    for call in seeded.seed.spans:
        tokens[call["trace_id"]] += call["input_tokens"] or 0
    for trace_id, _ in tokens.most_common(2):
        page.goto(f"{app}/trace?trace_id={trace_id}")
        expect(card(page, "Tokens in / out")).to_be_visible()
        for value in page.get_by_test_id("stMetricValue").locator("*").all():
            assert value.evaluate("it => it.scrollWidth <= it.clientWidth || !it.clientWidth"), value.inner_text()


def test_messages_are_text_whatever_they_hold(page: Page, app: str, seeded: Seeded) -> None:
    said = [
        c
        for c in seeded.seed.span_content
        if "<script>" in c["input_messages"] or "evil.example" in c["input_messages"]
    ]
    shown = set()
    for content in said:
        asked = re.search(r'"content": "(.*?)"}', content["input_messages"])
        text = asked[1].encode().decode("unicode_escape") if asked and asked[1].isascii() else ""
        if not text or text in shown or len(text) > 1000 or "\\" in text:
            continue
        shown.add(text)
        page.goto(f"{app}/trace?trace_id={content['trace_id']}&span={content['span_id']}")
        expect(page.locator(".message .text").filter(has_text=text).first).to_have_text(text)
        expect(page.locator(".message img, .message script, .message a")).to_have_count(0)
    assert len(shown) >= 2


def test_a_long_prompt_opens_on_demand(page: Page, app: str, seeded: Seeded) -> None:
    content = next(c for c in seeded.seed.span_content if len(c["input_messages"]) > len(LONG))
    page.goto(f"{app}/trace?trace_id={content['trace_id']}&span={content['span_id']}")
    page.get_by_role("button", name=f"Show all {len(LONG):,} characters").click()
    expect(page.locator(".message .text").nth(1)).to_have_text(LONG)


def test_reload_and_a_second_tab_keep_the_state(page: Page, app: str, seeded: Seeded) -> None:
    page.goto(f"{app}/traces?user=ana")
    page.get_by_role("radio", name="7d").or_(page.get_by_role("button", name="7d", exact=True)).click()
    expect(page).to_have_url(re.compile(r"r=7d"))
    page.get_by_role("radio", name="Slowest").or_(page.get_by_role("button", name="Slowest")).click()
    expect(page).to_have_url(re.compile(r"sort=slowest"))
    window = ending_at(seeded.now_ms, "7d")
    calls = figures.plural(len(seeded.seed.calls(window.start_ms, window.end_ms, user_id="ana")), "call")
    second = page.context.new_page()
    second.goto(page.url)
    page.reload()
    for tab in (page, second):
        expect(tab.get_by_text(calls, exact=True)).to_be_visible()
        expect(tab.get_by_role("button", name="user ana")).to_be_visible()
        assert "r=7d" in tab.url
    page.get_by_role("link", name="Overview").click()
    expect(card(page, "Calls")).to_have_text(calls.removesuffix(" calls"))


def test_three_zones_agree_on_the_instant(browser: Browser, app: str, seeded: Seeded) -> None:
    newest = max(seeded.seed.spans, key=lambda s: s["timestamp"])["trace_id"]
    start = min(s["timestamp"] for s in seeded.seed.spans if s["trace_id"] == newest)
    for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        with page_on(browser, app, timezone_id=zone) as page:
            page.goto(f"{app}/traces")
            told = figures.clock(millis(start), ZoneInfo(zone))
            expect(table(page, "Traces").locator("tbody tr").filter(has_text=told).first).to_be_visible()


@pytest.mark.parametrize("path", ["", "traces", "alerts", "trace?trace_id=TRACE"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(browser: Browser, app: str, seeded: Seeded, path: str, scheme: str) -> None:
    at = path.replace("TRACE", seeded.seed.spans[0]["trace_id"])
    with page_on(browser, app, viewport={"width": 390, "height": 844}, color_scheme=scheme) as page:
        page.goto(f"{app}/{at}")
        expect(page.get_by_test_id("stMain").get_by_role("region").or_(page.locator(".rows")).first).to_be_visible()
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        main = page.get_by_test_id("stMain")
        assert main.evaluate("e => e.scrollWidth - e.clientWidth") <= 0


def test_a_foreign_host_or_origin_gets_no_session(app: str) -> None:
    port = int(app.rsplit(":", 1)[1])
    for headers in ({"Host": "evil.example"}, {"Host": f"127.0.0.1:{port}", "Origin": "http://evil.example"}):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        upgrade = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        connection.request("GET", "/_stcore/stream", headers={**upgrade, **headers})
        assert connection.getresponse().status == 403
        connection.close()


@contextmanager
def own_app(folder: Path) -> Iterator[tuple[Stack, Process, Process, str]]:
    """A store of its own with an empty schema, and an app on it, for tests that change or end them."""
    with stack_at(folder) as stack:
        store = stack.store()
        migrate(owner(stack))
        process = Process.start(app_command(stack), folder / "app.log")
        try:
            process.wait_answer(f"{stack.dashboard_url}/_stcore/health")
            yield stack, store, process, stack.dashboard_url
        finally:
            process.clean_up()


def test_a_fresh_install_fills_by_itself_and_then_says_what_is_new(
    browser: Browser, tmp_path: Path, seeded: Seeded
) -> None:
    def arrive(trace_ids: set[str]) -> int:
        spans = [s for s in seeded.seed.spans if s["trace_id"] in trace_ids]
        Seed(spans=[s | {"received_at": datetime.now(UTC)} for s in spans]).insert(client)
        return sum(s["is_call"] for s in spans)

    newest = sorted(seeded.seed.spans, key=lambda s: s["timestamp"], reverse=True)
    first, second, *_ = dict.fromkeys(s["trace_id"] for s in newest)
    with own_app(tmp_path) as (stack, _store, _process, origin), page_on(browser, origin) as page:
        client = stack.owner()
        page.goto(origin)
        expect(page.get_by_text("No spans yet")).to_be_visible()
        expect(page.get_by_text("llmtrace.instrument()")).to_be_visible()
        calls = arrive({first})
        expect(card(page, "Calls")).to_have_text(str(calls))
        calls += arrive({second})
        page.get_by_role("button", name=re.compile(r"new spans? · refresh")).click()
        expect(card(page, "Calls")).to_have_text(str(calls))
        client.close()


def test_the_app_outlives_its_store(browser: Browser, tmp_path: Path) -> None:
    with own_app(tmp_path) as (stack, store, process, origin), page_on(browser, origin) as page:
        page.goto(origin)
        expect(page.get_by_text("No spans yet")).to_be_visible()
        store.kill()
        page.reload()
        expect(page.get_by_text(f"The store at {stack.store_url} does not answer.").first).to_be_visible()
        process.wait_answer(f"{origin}/_stcore/health")
        stack.store()
        failed = page.get_by_text("No data")
        before = failed.count()
        page.get_by_role("button", name="Retry").first.click()
        expect(failed).to_have_count(before - 1)
        page.reload()
        expect(page.get_by_text("No spans yet")).to_be_visible()
        assert process.stop() == 0
