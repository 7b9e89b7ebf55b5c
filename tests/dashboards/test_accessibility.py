"""Every page by the rules of WCAG 2.2 A and AA as axe-core knows them, light and dark, but for what is Streamlit's own.

`LLMTRACE_AXE_REPORT=FOLDER` keeps what was found.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from support.app import Seeded
from support.browser import page_on, settled
from support.pages import paths

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.processes]

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
STREAMLITS_OWN = {
    "list": "stSidebar",
    "listitem": "stSidebar",
    "svg-img-alt": "stMetric",
    "target-size": "",
    "empty-table-header": "stDataFrame",
}
"""Rules that fail in markup that Streamlit makes, by a test id around it; '' anywhere."""

VEGAS_OWN = re.compile(r'class="mark-rect role-mark \w+_brush(_bg)?"')
"""The rectangle of a selection, to which Vega gives a role and lets nobody give a name."""


def ours(page: Page, found: dict[str, Any]) -> list[str]:
    """What axe-core found in markup of ours: rule and place."""
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:200]}"
        for rule in found["violations"]
        for node in rule["nodes"]
        if not (rule["id"] == "svg-img-alt" and VEGAS_OWN.search(node["html"]))
        if not _of_streamlit(page, rule["id"], node["target"][0])
    ]


def _of_streamlit(page: Page, rule: str, target: str) -> bool:
    maker = STREAMLITS_OWN.get(rule)
    if maker is None:
        return False
    return bool(page.locator(target).first.evaluate("(e, id) => !id || !!e.closest(`[data-testid=${id}]`)", maker))


def examined(page: Page) -> dict[str, Any]:
    settled(page)
    return dict(Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}}).response)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule_of_accessibility(browser: Browser, app: str, seeded: Seeded, scheme: str) -> None:
    wrong: dict[str, list[str]] = {}
    with page_on(browser, app, color_scheme=scheme) as page:
        for name, path in paths(seeded).items():
            page.goto(f"{app}/{path}")
            expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_be_visible()
            page.wait_for_load_state("networkidle")
            found = examined(page)
            if folder := os.environ.get("LLMTRACE_AXE_REPORT"):
                kept = {kind: found[kind] for kind in ("passes", "violations")}
                (Path(folder) / f"{name}-{scheme}.json").write_text(json.dumps(kept, indent=1))
            if broken := ours(page, found):
                wrong[name] = broken
    assert not wrong, json.dumps(wrong, indent=1)
