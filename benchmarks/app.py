"""How fast the app is on a store: a real browser clicks, and waits until nothing on the page changes any more.

    python benchmarks/store/generate.py --data FOLDER --spans 10_000_000
    python -m benchmarks.app --data FOLDER [--runs 5] [--only overview] [--soak MINUTES]

Times are from the click to the last change of the page, before 300 ms without one, in milliseconds: median and the
slowest of the runs. Bytes are those of the WebSocket and of answers to the browser. CPU is that of the app and of the
store together. The first run of each step is not counted: goals are for a warm app.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.app import app_command
from support.browser import chromium
from support.services import Process, Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUIET_MS = 300
WATCH = """
() => {
  window.__changed = performance.now();
  window.__watching?.disconnect();
  const busy = () => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState !== "notRunning"
    || document.querySelector('[data-testid="stSkeleton"]') !== null
    || document.querySelector('[data-stale="true"]') !== null;
  window.__watching = new MutationObserver(() => { window.__changed = performance.now(); });
  window.__watching.observe(document, { subtree: true, childList: true, characterData: true });
  window.__began = performance.now();
  window.__done = () => {
    if (busy()) { window.__changed = performance.now(); return false; }
    return performance.now() - window.__changed > QUIET;
  };
}
""".replace("QUIET", str(QUIET_MS))


@dataclass
class Step:
    """What one kind of click took, run by run."""

    name: str
    goal_s: float | None
    ms: list[float] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def row(self) -> str:
        """A line of the table."""
        goal = f"{self.goal_s:g} s" if self.goal_s is not None else ""
        return (
            f"| {self.name} | {goal} | {statistics.median(self.ms):,.0f} | {max(self.ms):,.0f} |"
            f" {statistics.median(self.cpu_ms):,.0f} | {statistics.median(self.bytes) / 1024:,.0f} |"
        )


def cpu_ns(pid: int) -> int:
    """CPU time of another process, all threads."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return int(fields["VmRSS"].split()[0]) / 1024


class Visit:
    """One tab, with what it received."""

    def __init__(self, page: Page, pids: tuple[int, int]) -> None:
        self.page = page
        self._pids = pids
        self._received = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._framed))
        page.on("response", self._answered)

    def _framed(self, payload: Any) -> None:
        self._received += len(payload)

    def _answered(self, response: Any) -> None:
        self._received += int(response.headers.get("content-length") or 0)

    def timed(self, step: Step, click: Callable[[], object], *, keep: bool = True) -> None:
        """Clicks, waits for the page to be complete, and notes what it took."""
        self.page.evaluate(WATCH)
        self._received, cpu, began = 0, [cpu_ns(pid) for pid in self._pids], time.perf_counter()
        click()
        changed = self.wait()
        if keep:
            step.ms.append(changed if changed is not None else (time.perf_counter() - began) * 1e3 - QUIET_MS)
            step.bytes.append(self._received)
            step.cpu_ms.append(sum(cpu_ns(pid) - was for pid, was in zip(self._pids, cpu, strict=True)) / 1e6)

    def opened(self, step: Step, url: str, *, keep: bool = True) -> None:
        """Loads a page anew: the time counts from the navigation's start."""
        self._received, cpu = 0, [cpu_ns(pid) for pid in self._pids]
        self.page.goto(url, wait_until="commit")
        self.page.evaluate(WATCH)
        self.wait()
        if keep:
            step.ms.append(float(self.page.evaluate("window.__changed")))  # performance.now() begins at the navigation
            step.bytes.append(self._received)
            step.cpu_ms.append(sum(cpu_ns(pid) - was for pid, was in zip(self._pids, cpu, strict=True)) / 1e6)

    def wait(self) -> float | None:
        """Until the page is complete: milliseconds from `WATCH` to the last change; None where it was loaded anew."""
        self.page.wait_for_function("() => window.__done?.() ?? false", timeout=120_000)
        return float(self.page.evaluate("window.__changed - window.__began"))


def overview(visit: Visit, url: str, runs: int) -> Iterator[Step]:
    """Opening the app, and another filter."""
    painted, whole = Step("shell painted, warm browser", 0.8), Step("Overview, 24 h, complete", 2.0)
    for run in range(runs + 1):
        visit.opened(whole, f"{url}/?r=24h", keep=run > 0)
        if run:
            paint = visit.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
            painted.ms.append(float(paint))
            painted.bytes.append(0)
            painted.cpu_ms.append(0)
    yield painted
    yield whole
    for span, goal in (("24h", 0.8), ("30d", 1.5)):
        step = Step(f"filter change, {span}", goal)
        visit.page.goto(f"{url}/?r={span}")
        visit.page.evaluate(WATCH)
        visit.wait()
        visit.page.get_by_role("button", name="Filters").first.click()
        for run in range(runs + 1):
            word = "error" if run % 2 == 0 else "ok"
            pill = visit.page.get_by_role("button", name=word, exact=True).first
            visit.timed(step, pill.click, keep=run > 0)
        yield step
        other = Step(f"range change to {span}", goal)
        for run in range(runs + 1):
            visit.page.goto(f"{url}/?r={'7d' if span == '30d' else '6h'}")
            visit.page.evaluate(WATCH)
            visit.wait()
            pill = visit.page.get_by_role("radio", name=span, exact=True)
            visit.timed(other, pill.click, keep=run > 0)
        yield other


def traces(visit: Visit, url: str, runs: int) -> Iterator[Step]:
    """The list, one trace of it, one span of that."""
    listed, opened, selected = Step("Traces, 24 h", 1.0), Step("trace open", 0.7), Step("span select", 0.3)
    for run in range(runs + 1):
        visit.opened(listed, f"{url}/traces?r=24h", keep=run > 0)
        row = visit.page.get_by_role("region", name="Traces", exact=True).locator("tbody tr a").nth(run)
        visit.timed(opened, row.click, keep=run > 0)
        rows = visit.page.locator("[role=treeitem], [role=option], .rows > *")
        if rows.count() > 1:
            visit.timed(selected, rows.nth(1).click, keep=run > 0)
    yield listed
    yield opened
    if selected.ms:
        yield selected


def spend(visit: Visit, url: str, runs: int) -> Iterator[Step]:
    """The pages of money, of time, of quality and of health."""
    for path, span in (("spend", "30d"), ("latency", "24h"), ("quality", "24h"), ("health", "24h"), ("alerts", "24h")):
        step = Step(f"{path.capitalize()}, {span}", 2.0)
        for run in range(runs + 1):
            visit.opened(step, f"{url}/{path}?r={span}", keep=run > 0)
        yield step


def explain(visit: Visit, url: str, runs: int) -> Iterator[Step]:
    """A box dragged on the heatmap of latency."""
    step = Step("drag to explanation, 24 h", 1.2)
    for run in range(runs + 1):
        visit.page.goto(f"{url}/latency?r=24h")
        visit.page.evaluate(WATCH)
        visit.wait()
        chart = visit.page.locator(".st-key-chart_heatmap_latency").locator("canvas.marks, svg.marks").first
        box = chart.bounding_box()
        if box is None:
            return
        left, top = box["x"] + box["width"] * (0.3 + 0.02 * run), box["y"] + box["height"] * 0.15

        def drag(left: float = left, top: float = top, box: Any = box) -> None:
            mouse = visit.page.mouse
            mouse.move(left, top)
            mouse.down()
            mouse.move(left + box["width"] * 0.2, top + box["height"] * 0.3, steps=4)
            mouse.up()

        visit.timed(step, drag, keep=run > 0)
    yield step


PARTS = {"overview": overview, "traces": traces, "pages": spend, "explain": explain}


@contextmanager
def served(folder: Path) -> Iterator[tuple[Stack, str, tuple[int, int]]]:
    """The app on the store in `folder`: its URL, and the process ids of app and store."""
    stack = Stack.at(folder)
    store = stack.store()
    app = Process.start(app_command(stack), folder / "app.log")
    try:
        app.wait_answer(f"{stack.dashboard_url}/_stcore/health")
        yield stack, stack.dashboard_url, (app.popen.pid, store.popen.pid)
    finally:
        app.clean_up()
        stack.clean_up()


def memory(browser: Browser, url: str, pids: tuple[int, int]) -> str:
    """Resident memory of the app with ten sessions, each on a page of its own."""
    before = resident_mb(pids[0])
    contexts = [browser.new_context(viewport={"width": 1440, "height": 900}) for _ in range(10)]
    paths = ("", "traces", "spend", "latency", "quality", "alerts", "health", "?r=7d", "?r=30d", "traces?r=30d")
    for context, path in zip(contexts, paths, strict=True):
        page = context.new_page()
        page.goto(f"{url}/{path}")
        page.evaluate(WATCH)
        page.wait_for_function("() => window.__done?.() ?? false", timeout=120_000)
    found = resident_mb(pids[0])
    for context in contexts:
        context.close()
    return f"resident memory of the app: {before:,.0f} MB before, {found:,.0f} MB with ten sessions (goal 700)"


def soak(browser: Browser, url: str, pids: tuple[int, int], minutes: float) -> None:
    """Five tabs that are clicked all the time: an eight-hour day of a person each, compressed; memory every minute."""
    pages = [browser.new_context(viewport={"width": 1440, "height": 900}).new_page() for _ in range(5)]
    words = ("?r=1h", "?r=24h", "traces?r=24h", "latency?r=24h", "spend?r=30d", "alerts", "quality?r=24h")
    ends, clicks, noted = time.monotonic() + minutes * 60, 0, 0.0
    while time.monotonic() < ends:
        for number, page in enumerate(pages):
            page.goto(f"{url}/{words[(clicks + number) % len(words)]}")
            page.evaluate(WATCH)
            page.wait_for_function("() => window.__done?.() ?? false", timeout=120_000)
        clicks += 1
        if time.monotonic() - noted > 60:
            noted = time.monotonic()
            print(f"{clicks * 5:>6} pages drawn: {resident_mb(pids[0]):,.0f} MB", flush=True)
    print(f"{clicks * 5:>6} pages drawn: {resident_mb(pids[0]):,.0f} MB", flush=True)


def main() -> None:
    """Runs the parts and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of benchmarks/store/generate.py")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before\n")
    with served(given.data) as (stack, url, pids), chromium() as browser:
        print(f"{stack.reader().command('SELECT count() FROM spans'):,} spans\n")
        if given.soak:
            soak(browser, url, pids, given.soak)
            return
        print("| step | goal | median ms | slowest ms | CPU-ms of app and store | KiB |\n|---|---|---|---|---|---|")
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        visit = Visit(page, pids)
        for name, part in PARTS.items():
            if given.only in {None, name}:
                for step in part(visit, url, given.runs):
                    print(step.row(), flush=True)
        print(f"\n{memory(browser, url, pids)}\nload {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
