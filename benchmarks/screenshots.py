"""Pictures of every page, light and dark, on the demo's data and on an empty store, for the documents.

    python -m benchmarks.screenshots [--minutes 3] [--out docs/screenshots]

It runs `llmtrace demo` on free ports for so long, takes the pictures while it runs, then starts an empty store. Colours
are reduced to 256, which halves the files and nobody sees.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from benchmarks.app import WATCH
from support.app import app_command
from support.browser import chromium
from support.services import Process, stack_at
from support.waiting import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = {
    "overview": "?r=15m",
    "spend": "spend?r=15m",
    "latency": "latency?r=15m",
    "quality": "quality?r=15m",
    "traces": "traces?r=15m",
    "alerts": "alerts?r=15m",
    "health": "health",
}


def taken(page: Page, url: str, file: Path) -> None:
    """A picture of all of a page, once it is complete."""
    page.goto(url)
    page.evaluate(WATCH)
    page.wait_for_function("() => window.__done?.() ?? false", timeout=60_000)
    height = int(page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight ?? 900"))
    page.set_viewport_size({"width": 1440, "height": min(max(height + 20, 700), 2_000)})
    page.wait_for_timeout(700)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(file, optimize=True)
    page.set_viewport_size({"width": 1440, "height": 900})
    print(f"{file}, {file.stat().st_size / 1024:,.0f} KiB", flush=True)


def series(browser: Browser, url: str, folder: Path, pages: dict[str, str], *, ending: str = "") -> None:
    """Every page, light and dark."""
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        for name, path in pages.items():
            taken(page, f"{url}/{path}", folder / f"{name}{ending}-{scheme}.png")
        if "traces" in pages and not ending:
            page.goto(f"{url}/{pages['traces']}")
            rows = page.get_by_role("region", name="Traces", exact=True).locator("tbody tr a")
            rows.first.wait_for()
            trees = rows.filter(has_text="answer_question")
            (trees if trees.count() else rows).first.click()
            page.wait_for_url("**/trace?**")
            taken(page, page.url, folder / f"trace-{scheme}.png")
        context.close()


def main() -> None:
    """Takes all pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--out", type=Path, default=Path("docs/screenshots"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        with tempfile.TemporaryDirectory() as folder, stack_at(Path(folder)) as stack:
            demo = stack.command("demo", *stack.up_options(), "--duration", str(given.minutes * 60 + 300))
            demo.wait_answer(f"{stack.dashboard_url}/_stcore/health", 120)
            ends = f"SELECT count() > {given.minutes * 60:.0f} FROM spans"
            wait_for(lambda: stack.reader().command(ends) in {1, "1"}, given.minutes * 60 + 120)
            series(browser, stack.dashboard_url, given.out, PAGES)
        with tempfile.TemporaryDirectory() as folder, stack_at(Path(folder)) as stack:
            stack.store()
            app = Process.start(app_command(stack), Path(folder) / "app.log")
            app.wait_answer(f"{stack.dashboard_url}/_stcore/health")
            series(browser, stack.dashboard_url, given.out, PAGES, ending="-empty")
            app.clean_up()


if __name__ == "__main__":
    main()
