"""A real Chromium for tests: finding it, starting it, waiting for a Streamlit page, and who it talks to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
DEADLINE_MS = 30_000


def chromium_path() -> str | None:
    """LLMTRACE_CHROMIUM, else the first of the usual names on PATH, else None."""
    return os.environ.get("LLMTRACE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def require_chromium() -> str:
    """The path of a Chromium; without one the test fails, or is skipped when LLMTRACE_SKIP_BROWSER=1 says so."""
    if os.environ.get("LLMTRACE_SKIP_BROWSER") == "1":
        pytest.skip("LLMTRACE_SKIP_BROWSER=1")
    path = chromium_path()
    if path is None:
        pytest.fail("no Chromium found: install chromium, name it in LLMTRACE_CHROMIUM, or set LLMTRACE_SKIP_BROWSER=1")
    return path


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser."""
    path = require_chromium()
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=DEADLINE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_on(browser: Browser, origin: str, **context: Any) -> Iterator[Page]:
    """A page in a context of its own; afterwards fails if it asked anything of another origin, or a script failed."""
    fresh = browser.new_context(
        **{"viewport": {"width": 1440, "height": 900}, "timezone_id": "Europe/Berlin"} | context
    )
    fresh.set_default_timeout(DEADLINE_MS)
    foreign: list[str] = []
    faults: list[str] = []
    host = urlsplit(origin).netloc

    def asked(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != host:
            foreign.append(url)

    def watched(page: Page) -> None:
        page.on("websocket", lambda socket: asked(socket.url))
        page.on("dialog", lambda dialog: (faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: faults.append(f"error {error}"))
        page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)

    fresh.on("request", lambda request: asked(request.url))
    fresh.on("page", watched)
    page = fresh.new_page()
    try:
        yield page
    finally:
        fresh.close()
    assert not foreign, f"the page asked another origin: {foreign}"
    assert not faults, f"a script failed, or something in the data ran as one: {faults}"


def settled(page: Page) -> None:
    """Waits until Streamlit's script has ended; it reads so before a rerun starts: wait for what must change, too."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
