"""The way of somebody who was woken, without a mouse: from the Overview to the span behind an alert, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.browser import page_on, settled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.processes]

_FOCUSED = """
() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const box = at?.getBoundingClientRect();
  return [(at?.getAttribute("aria-label") || at?.innerText || "").trim(), (box?.width ?? 0) * (box?.height ?? 0) > 0];
}
"""
_MOST_TABS = 90


def tab_to(page: Page, text: str) -> None:
    """Presses Tab until what has the focus is called so; everything on the way can be seen."""
    passed = []
    for _ in range(_MOST_TABS):
        page.keyboard.press("Tab")
        name, is_seen = page.evaluate(_FOCUSED)
        passed.append(name)
        if len(name) < 200 and re.search(text, name, re.MULTILINE):
            assert is_seen, name
            return
    raise AssertionError(f"{text} is not among {passed}")


def test_from_an_alert_to_the_message_behind_it_by_keyboard_alone(browser: Browser, app: str) -> None:
    """Navigation, lists, links, range, filter, waterfall and tabs; Back leads the same way back."""
    with page_on(browser, app) as page:
        page.goto(app)
        expect(page.get_by_text("1 alert firing")).to_be_visible()
        settled(page)
        tab_to(page, "^Alerts$")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/alerts"))
        expect(page.get_by_role("link", name="hourly spend per user").first).to_be_visible()
        settled(page)
        tab_to(page, "^hourly spend per user$")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("a=evt_"))
        expect(page.get_by_text("Limit").first).to_be_visible()
        settled(page)
        tab_to(page, "Show traces|These calls|calls of")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/traces"))
        first = page.get_by_role("region", name="Traces", exact=True).locator("tbody tr a").first
        expect(first).to_be_visible()
        settled(page)
        tab_to(page, f"^{re.escape(first.inner_text())}$")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/trace[?]"))
        expect(page.locator(".canvas .row").first).to_be_visible()
        settled(page)
        page.go_back()
        expect(page).to_have_url(re.compile("/traces"))
        page.go_back()
        expect(page).to_have_url(re.compile("a=evt_"))


def test_a_range_and_a_filter_are_set_by_keyboard_alone(browser: Browser, app: str) -> None:
    with page_on(browser, app) as page:
        page.goto(f"{app}/traces")
        expect(page.get_by_role("region", name="Traces", exact=True)).to_be_visible()
        settled(page)
        tab_to(page, "15m")
        for _ in range(4):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        expect(page).to_have_url(re.compile("r=7d"))
        settled(page)
        tab_to(page, "^Filter$")
        page.keyboard.type("model:gpt-5")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("model=gpt-5"))
        settled(page)
        tab_to(page, "Export|CSV")
