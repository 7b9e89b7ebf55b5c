"""`llmtrace report`: a week of calls as one page, read as a person, a browser and a program read it."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given
from hypothesis import strategies as st

from llmtrace.cli import main
from llmtrace_collector.schema.migrate import migrate
from llmtrace_collector.store.users import OWNER
from llmtrace_dashboards import database, figures
from llmtrace_dashboards.cli import PASSWORD
from llmtrace_dashboards.measures.month import month_of
from llmtrace_dashboards.queries import compared, sources, spend, traces
from llmtrace_dashboards.queries.query import Query
from llmtrace_dashboards.report import asking
from llmtrace_dashboards.report import page as draw
from llmtrace_dashboards.report.asking import fired_of
from llmtrace_dashboards.report.days import Days, between, last_week, week
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import DAY_MS, HOUR_MS, Window
from llmtrace_dashboards.state.view import View, parse
from support.app import owner
from support.browser import page_on
from support.command import program
from support.seed import HOSTILE, Seed, make, millis
from support.services import Stack, stack_at

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

APP = "https://llm.example.com/app"
TURNED = "evil \u202egnp.exe"
NAMES = (*HOSTILE, TURNED, "a" * 300, "</style></title><script>alert(3)</script>", '" onmouseover="alert(4)')
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass(frozen=True, kw_only=True)
class Weeks:
    """A store with calls in the last week that is over and, fewer, in the one before it."""

    stack: Stack
    seed: Seed
    monday_ms: int
    """The end of the last week, in UTC."""

    @property
    def window(self) -> Window:
        return Window(start_ms=self.monday_ms - 7 * DAY_MS, end_ms=self.monday_ms)

    @property
    def before(self) -> Window:
        return self.window.before


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weeks]:
    with stack_at(tmp_path_factory.mktemp("weeks")) as stack:
        stack.store()
        client = owner(stack)
        migrate(client)
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        monday = today - timedelta(days=today.weekday())
        seed = seeded(monday)
        seed.insert(client)
        yield Weeks(stack=stack, seed=seed, monday_ms=millis(monday))


@pytest.fixture
def weeks(stored: Weeks) -> Weeks:
    """The same, as the store this process reads: as a stranger, like the app."""
    database.use(database.Address(port=stored.stack.store_port))
    return stored


def seeded(monday: datetime) -> Seed:
    """Two weeks of the usual rows; what names calls is hostile at times, and one model is of each week alone."""
    rng = random.Random(11)
    now, earlier = make(monday), make(monday - timedelta(days=7))
    earlier.spans = earlier.spans[: len(earlier.spans) * 2 // 3]
    spread(now, 6)
    spread(earlier, 5)
    for seed, name in ((now, "gpt-6"), (earlier, "gpt-4")):
        for at, span in enumerate(seed.spans):
            span["feature"] = rng.choice(("search", "answers", NAMES[at % len(NAMES)]))
            span["user_id"] = NAMES[at % len(NAMES)] if at % 7 == 0 else f"user {at % 15}"
            if span["is_call"] and at % 11 == 0:
                span["model"] = span["request_model"] = name if at % 2 else NAMES[at % len(NAMES)]
            guessed = span["is_call"] and span["input_tokens"] is None
            span["estimated_input_tokens"] = 100 if guessed else None
            span["estimated_cost_usd"] = Decimal("0.25") if guessed else None
            if span["error_type"]:
                span["error_type"] = rng.choice(("RateLimitError", NAMES[0]))
    for event in now.alert_events:
        event["rule"] = f"{event['rule']} {HOSTILE[0]}"
    both = Seed(spans=[*now.spans, *earlier.spans], alert_events=now.alert_events)
    both.alert_deliveries = now.alert_deliveries
    return both


def spread(seed: Seed, days: int) -> None:
    """Its traces over more days."""
    for span in seed.spans:
        back = timedelta(days=int(span["trace_id"][:4], 16) % days)
        span["timestamp"] -= back
        span["received_at"] -= back


def report(weeks: Weeks, *words: str) -> int:
    return main(["report", *words, "--clickhouse", weeks.stack.store_url])


@dataclass
class Read(HTMLParser):
    """What a page says: its cards, its tables by caption, its sentences, its links."""

    cards: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    links: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    tags: set[str] = field(default_factory=set)
    _open: list[tuple[str, str]] = field(default_factory=list)
    _kept: str = ""
    _label: str = ""
    _caption: str = ""
    _href: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def of(cls, html: str) -> Read:
        found = cls()
        found.feed(html)
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        if tag in {"caption", "th", "td", "span", "a"}:
            self._kept = ""
        if tag == "tr":
            self.tables.setdefault(self._caption, []).append([])
        self._open.append((tag, given.get("class") or ""))
        if tag == "a":
            self._href = given.get("href") or ""

    def handle_data(self, data: str) -> None:
        self._kept += data
        if not {"style", "title"} & {tag for tag, _ in self._open}:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open[-1][0] != tag:
            self._open.pop()
        _, look = self._open.pop()
        if tag == "caption":
            self._caption = self._kept
        elif tag in {"th", "td"}:
            self.tables[self._caption][-1].append(self._kept)
        elif look == "label":
            self._label = self._kept
        elif look == "value":
            self.cards[self._label] = self._kept
        elif tag == "a":
            self.links.append((self._href, self._kept))

    def table(self, begins: str) -> list[list[str]]:
        """The rows, without the heads, of the table whose caption begins so."""
        return next(rows for caption, rows in self.tables.items() if caption.startswith(begins))[1:]


@pytest.fixture(scope="module")
def page(stored: Weeks) -> str:
    """The last week as a program writes it, with links."""
    done = program("report", "--app", APP, "--clickhouse", stored.stack.store_url, **stored.stack.environ)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_figures_are_those_of_the_app_and_of_the_calls(weeks: Weeks, page: str) -> None:
    read = Read.of(page)
    rows = {
        r["period"]: r
        for q in compared.figures(View(), weeks.window, 0)
        for r in database.rows(q)
        if not r["bucket_ms"]
    }
    waits = {
        r["period"]: r
        for q in compared.latencies(View(), weeks.window, 0)
        for r in database.rows(q)
        if not r["bucket_ms"]
    }
    now = rows["now"]
    assert read.cards == {
        "Calls": figures.count(now["calls"]),
        "Spend, US$": figures.money(now["cost_usd"]),
        "Error rate": figures.percent(now["errors"] / now["calls"]),
        "Latency, p95": figures.duration(waits["now"]["p95_ns"]),
        "First token, p95": figures.duration(waits["now"]["ttft_p95_ns"]),
        "Quality": figures.percent(1 - now["faults"] / now["answers"]),
    }
    called = weeks.seed.calls(weeks.window.start_ms, weeks.window.end_ms)
    assert now["calls"] == len(called)
    assert now["cost_usd"] == sum((c["cost_usd"] or 0 for c in called), Decimal(0))
    guessed = sum(c["input_tokens"] is None for c in called)
    told = f"{guessed} calls whose usage was not reported but estimated, {figures.money(guessed / 4)} by list price"
    assert told in read.text
    change = figures.change(now["calls"], rows["before"]["calls"])
    assert f"▲ {change} from {figures.count(rows['before']['calls'])}" in read.text
    assert f"{figures.count(now['unpriced'])} calls without a known price" in read.text


def test_every_day_has_its_calls_and_they_add_up_to_the_week(weeks: Weeks, page: str) -> None:
    days = Read.of(page).table("Calls and spend of each day")
    assert len(days) == 7
    for number, (day, calls, failed, usd, *_) in enumerate(days):
        start = weeks.window.start_ms + number * DAY_MS
        called = weeks.seed.calls(start, start + DAY_MS)
        assert day.startswith(f"{datetime.fromtimestamp(start / 1000, UTC):%a %-d}")
        assert (int(calls), int(failed)) == (len(called), sum(c["status_code"] == "ERROR" for c in called))
        if called:
            assert usd == figures.money(sum((c["cost_usd"] or 0 for c in called), Decimal(0)))


@pytest.mark.parametrize("by", ["model", "feature", "user"])
def test_the_dearest_are_listed_and_all_others_make_up_the_rest(weeks: Weeks, page: str, by: str) -> None:
    lines = Read.of(page).table(f"Spend by {by}")
    rows = database.rows(spend.by_group(View(), weeks.window, by))
    listed = [line for line in lines if line[0] != spend.REST]
    assert len(listed) == min(len(rows), 10)
    for line, row in zip(listed, rows, strict=False):
        assert line[1] == figures.money(row["cost_usd"])
        assert (line[5], line[7]) == (figures.count(row["calls"]), figures.count(row["unpriced"]))
    calls = sum(int(line[5]) for line in lines)
    assert calls == len(weeks.seed.calls(weeks.window.start_ms, weeks.window.end_ms))


def test_more_values_than_the_store_lists_are_added_up_exactly(
    weeks: Weeks, monkeypatch: pytest.MonkeyPatch, capsysbinary: Any
) -> None:
    """Those that only one of the weeks had among its dearest have their figures of the other week, too."""
    assert report(weeks) == 0
    whole = Read.of(capsysbinary.readouterr().out.decode())
    monkeypatch.setattr(spend, "LISTED", 12)
    assert report(weeks) == 0
    few = Read.of(capsysbinary.readouterr().out.decode())
    assert whole.table("Spend by user") == few.table("Spend by user")


def test_what_changed_most_comes_first_with_its_part_of_the_change(weeks: Weeks, page: str) -> None:
    def by_model(window: Window) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        for call in weeks.seed.calls(window.start_ms, window.end_ms):
            found[call["model"]] = found.get(call["model"], Decimal(0)) + (call["cost_usd"] or 0)
        return found

    now, before = by_model(weeks.window), by_model(weeks.before)
    change = {model: now.get(model, Decimal(0)) - before.get(model, Decimal(0)) for model in now | before}
    most = max(change, key=lambda model: abs(change[model]))
    first = next(line for line in Read.of(page).table("By change of spend") if line[1] == "model")
    part = figures.percent(float(change[most]) / float(sum(change.values())))
    assert first == [
        most,
        "model",
        figures.money(before[most]),
        figures.money(now[most]),
        f"+{figures.money(change[most])}",
        part,
    ]


def test_models_that_came_and_went_are_named(weeks: Weeks, page: str) -> None:
    lines = {line[0]: line for line in Read.of(page).table("In these days or in the week before")}
    assert lines["gpt-6"][2].startswith("new since")
    assert lines["gpt-4"][2].startswith("last seen")
    assert lines["gpt-4"][3] == lines["gpt-6"][4] == "0"
    assert "gpt-5" not in lines


def test_errors_are_counted_by_type_and_alerts_by_rule(weeks: Weeks, page: str) -> None:
    read = Read.of(page)
    failed = [c for c in weeks.seed.calls(weeks.window.start_ms, weeks.window.end_ms) if c["status_code"] == "ERROR"]
    assert sum(int(line[1]) for line in read.table("Failed calls by type")) == len(failed)
    (line,) = read.table("Rules that fired")
    assert line == [f"hourly spend per user {HOSTILE[0]}", "2", "2", "3 h", "model gpt-5, user ana", "1 alert"]
    assert "Alerts fired 2 times; the longest, " in read.text


def test_the_month_is_that_of_the_spend_page_as_it_stood_then(weeks: Weeks, page: str) -> None:
    rows = database.rows(spend.hours(View(), weeks.monday_ms - 1, UTC))
    month = month_of(rows, weeks.monday_ms - 1, UTC)
    text = Read.of(page).text
    assert f"came to {figures.money(sum(month.spent))} by the end of {month.days[month.today]:%-d %B}" in text
    if month.ahead and month.today + 1 < len(month.days):
        expected, low, high = map(figures.money, month.ahead[-1])
        assert f"expected to be {expected}; four times in five between {low} and {high}" in text


def test_every_link_leads_to_what_its_figure_counts(weeks: Weeks, page: str) -> None:
    links = Read.of(page).links
    counted = 0
    for href, told in links:
        assert href.startswith(f"{APP}/")
        view, notices = parse(parse_qs(urlsplit(href).query))
        assert not notices
        assert view.window
        if re.fullmatch(r"[\d,]+", told):
            assert database.rows(traces.matching(view, view.window))[0]["calls"] == int(told.replace(",", ""))
            counted += 1
    assert counted >= 15


def test_without_the_address_of_the_app_there_are_no_links(weeks: Weeks, capsysbinary: Any) -> None:
    assert report(weeks) == 0
    assert "a" not in Read.of(capsysbinary.readouterr().out.decode()).tags


def test_the_page_is_one_small_file_whose_policy_allows_its_style_alone(page: str) -> None:
    read = Read.of(page)
    assert len(page.encode()) < 2**20
    assert not read.tags & {"script", "img", "link", "iframe", "object", "form", "base"}
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    seal = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src &#x27;none&#x27;; style-src &#x27;sha256-{seal}&#x27;;"
    assert page.index("Content-Security-Policy") < page.index(policy) < page.index("<style>")
    assert " style=" not in page
    assert "\u202e" not in page


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 1100), ("light", 390)])
def test_hostile_names_are_text_and_the_page_is_accessible(
    browser: Browser, page: str, tmp_path: Path, scheme: str, width: int
) -> None:
    file = tmp_path / "week.html"
    file.write_text(page, encoding="utf-8")
    said: list[str] = []
    with page_on(browser, file.as_uri(), color_scheme=scheme, viewport={"width": width, "height": 900}) as shown:
        shown.on("console", lambda message: said.append(message.text))
        shown.goto(file.as_uri())
        assert shown.locator("th bdi", has_text="<script>alert(1)</script>").count()
        assert shown.locator("svg[role=img]").count() == 4
        assert shown.evaluate("document.documentElement.scrollWidth") <= width
        styled = shown.evaluate("getComputedStyle(document.querySelector('.figures')).display")
        assert (styled, colour(shown)) == ("grid", "rgb(15, 20, 25)" if scheme == "dark" else "rgb(255, 255, 255)")
        found = Axe().run(shown, options={"runOnly": {"type": "tag", "values": TAGS}}).response
        shown.emulate_media(media="print")
        assert colour(shown) == "rgb(255, 255, 255)"
    assert not said
    wrong = [f"{rule['id']}: {node['html'][:200]}" for rule in found["violations"] for node in rule["nodes"]]
    assert not wrong, json.dumps(wrong, indent=1)


def colour(shown: Page) -> str:
    return str(shown.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_a_week_without_calls_says_so(weeks: Weeks, capsysbinary: Any) -> None:
    assert report(weeks, "--week", "2025-W10", "--project", NAMES[0]) == 0
    read = Read.of(capsysbinary.readouterr().out.decode())
    assert (
        f"There was no call of project {NAMES[0]} from 3 to 9 March 2025. The newest span in the store is of"
        in read.text
    )
    assert not read.cards


def test_a_week_after_one_without_calls_is_compared_with_nothing(weeks: Weeks, capsysbinary: Any) -> None:
    first = datetime.fromtimestamp(weeks.before.start_ms / 1000, UTC).date()
    assert report(weeks, "--from", f"{first}", "--to", f"{first + timedelta(days=6)}") == 0
    read = Read.of(capsysbinary.readouterr().out.decode())
    assert "There was no call in the week before to compare with." in read.text
    assert "no earlier figure" in read.text


def test_days_that_are_not_over_are_compared_with_the_same_part(
    weeks: Weeks, monkeypatch: pytest.MonkeyPatch, capsysbinary: Any
) -> None:
    now_ms = weeks.monday_ms - 2 * DAY_MS - 5 * HOUR_MS
    monkeypatch.setattr(clock, "now_ms", lambda: now_ms)
    first = datetime.fromtimestamp(weeks.window.start_ms / 1000, UTC).date()
    assert report(weeks, "--from", f"{first}", "--to", f"{first + timedelta(days=6)}") == 0
    read = Read.of(capsysbinary.readouterr().out.decode())
    now, before = (
        len(weeks.seed.calls(w.start_ms, now_ms - later))
        for w, later in ((weeks.window, 0), (weeks.before, 7 * DAY_MS))
    )
    assert read.cards["Calls"] == figures.count(now)
    assert f"from {figures.count(before)}" in read.text
    assert "The period is not over; it is compared with the same part of the week before." in read.text
    assert len(read.table("Calls and spend of each day")) == 5


def test_too_many_spans_to_read_are_told_of_by_the_rollup(
    weeks: Weeks, monkeypatch: pytest.MonkeyPatch, capsysbinary: Any, page: str
) -> None:
    monkeypatch.setattr(sources, "RAW_UP_TO", 0)
    assert report(weeks) == 0
    read = Read.of(capsysbinary.readouterr().out.decode())
    exact = Read.of(page)
    for name in ("Calls", "Spend, US$", "Error rate", "Quality"):
        assert read.cards[name] == exact.cards[name]
    priced = [[line for line in of.table("Spend by model") if line[6] != "–"] for of in (read, exact)]
    assert priced[0] == priced[1] != []
    assert "From the rollup by hour: whole hours, and percentiles are estimates" in read.text


def test_what_takes_the_store_too_long_is_left_out_with_a_sentence(
    weeks: Weeks, monkeypatch: pytest.MonkeyPatch, capsysbinary: Any
) -> None:
    """The owner may set limits: no answer of more than 90 rows, and those of spend by model and bucket are more."""
    monkeypatch.setitem(Query.__init__.__kwdefaults__, "most_rows", 90)
    monkeypatch.setenv(PASSWORD, (weeks.stack.data / "store.key").read_text())
    assert report(weeks, "--user", OWNER) == 0
    read = Read.of(capsysbinary.readouterr().out.decode())
    assert "Spend over time: this took the store longer than is allowed, and is left out." in read.text
    assert len(read.cards) == 6
    assert read.table("Spend by model")


def test_a_share_is_called_worse_only_beyond_chance(weeks: Weeks) -> None:
    days = last_week(weeks.monday_ms + 1, UTC, "UTC")
    found = asking.ask(days, "", weeks.monday_ms + 1)
    now, before = (period.whole for period in (found.calls.now, found.calls.before))
    assert now
    assert before
    usual = before["errors"] / before["calls"]

    def said(rate: float) -> str:
        whole = {**now, "errors": round(now["calls"] * rate)}
        changed = replace(found, calls=replace(found.calls, now=replace(found.calls.now, whole=whole)))
        return re.split("Error rate|Latency, p95", Read.of(draw.page(changed, "")).text)[1]

    assert "worse" not in said(usual * 1.05)
    assert "worse" in said(usual * 4)
    assert "better" in said(0.0)


def test_a_file_is_written_and_a_project_is_kept_to(weeks: Weeks, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "week.html"
    assert report(weeks, "--out", str(out), "--project", "default", "--tz", "Asia/Kolkata") == 0
    assert f"wrote {out}" in capsys.readouterr().err
    read = Read.of(out.read_text(encoding="utf-8"))
    assert "project default" in read.text
    assert "Days are those of Asia/Kolkata." in read.text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--week", "48"], '--week: "48" is not a week; write it like 2026-W48, or last'),
        (["--week", "2026-W60"], '--week: "2026-W60" is not a week'),
        (["--week", "2098-W01"], "--week: 2097-12-30 has not begun"),
        (["--week", "1999-W01"], "--week: 1999-01-04 is not between the years 2020 and 2099"),
        (["--from", "2026-01-01"], "write both --from and --to, or --week"),
        (["--from", "2026-01-01", "--to", "2026-01-02", "--week"], "--from and --to, or --week, but not both"),
        (["--from", "monday", "--to", "2026-01-02"], '--from: "monday" is not a day; write it like 2026-11-23'),
        (["--from", "2026-01-02", "--to", "2026-01-01"], "--to must be the day of --from or a later one"),
        (["--from", "2026-01-01", "--to", "2026-03-01"], "of 31 days at most in all"),
        (["--from", "9999-12-31", "--to", "9999-12-31"], "--from: 9999-12-31 is not between the years 2020 and 2099"),
        (["--tz", "Mars/Olympus"], '--tz: "Mars/Olympus" is not a time zone; write it like Europe/Berlin'),
        (["--tz", "../../etc/passwd"], "is not a time zone"),
        (["--app", "javascript:alert(1)"], "is not the address of an app"),
        (["--out", "."], "--out . is a folder; name a file in it"),
        (["--out", "no/such/folder/week.html"], "there is no folder no/such/folder"),
        (["--clickhouse", "ftp://x"], "is not a ClickHouse URL"),
    ],
)
def test_a_mistake_is_one_sentence_and_code_2(words: list[str], told: str, capsys: Any) -> None:
    assert main(["report", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("llmtrace report: ")
    assert told in said.err
    assert said.err.count("\n") == 1


def test_a_store_that_does_not_answer_is_code_1_and_leaves_no_file(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "week.html"
    assert main(["report", "--out", str(out), "--clickhouse", "http://127.0.0.1:9"]) == 1
    assert "does not answer" in capsys.readouterr().err
    assert not out.exists()


def at(text: str, zone: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def test_a_week_is_from_monday_to_monday_by_the_clock_of_its_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    found = last_week(at("2026-10-26T00:00:00", "Europe/Berlin"), berlin, "Europe/Berlin")
    assert (found.told, found.against) == ("19 to 25 October 2026", "the week before")
    assert found.window.length_ms == 169 * HOUR_MS  # the clock goes back on Sunday
    assert found.before == Window(start_ms=at("2026-10-12T00:00:00", "Europe/Berlin"), end_ms=found.window.start_ms)
    assert last_week(at("2026-10-25T23:59:59", "Europe/Berlin"), berlin, "Europe/Berlin").first == date(2026, 10, 12)
    assert week("2026-W01", at("2026-06-01T00:00:00", "UTC"), UTC, "UTC").told == "29 December 2025 to 4 January 2026"


@given(
    first=st.dates(date(2021, 1, 1), date(2030, 1, 1)),
    length=st.integers(1, 31),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]),
    over=st.integers(0, 60 * 24),
)
def test_days_lie_side_by_side_and_so_does_what_they_are_compared_with(
    first: date, length: int, zone: str, over: int
) -> None:
    last = first + timedelta(days=length - 1)
    now_ms = at(f"{first}", zone) + 1 + over * HOUR_MS
    days: Days = between(f"{first}", f"{last}", now_ms, ZoneInfo(zone), zone)
    each = [window for _, window in days.each]
    assert [each[0].start_ms, each[-1].end_ms] == [days.window.start_ms, days.window.end_ms]
    assert all(a.end_ms == b.start_ms for a, b in pairwise(each))
    assert days.before.start_ms < days.before.end_ms <= days.window.start_ms
    assert days.window.end_ms <= now_ms


def events(*states: tuple[int, str]) -> list[dict[str, Any]]:
    plain = {"rule": "r", "group_key": "g", "group_values": {"user": "ana"}, "severity": ""}
    return [plain | {"at_ms": at_ms, "state": state, "event_id": f"evt_{at_ms}"} for at_ms, state in states]


def test_an_alert_counts_for_the_time_it_fired_within_the_week() -> None:
    window = Window(start_ms=100, end_ms=200)
    long = events((10, "pending"), (20, "firing"), (150, "resolved"), (160, "firing"), (170, "resolved"))
    found = fired_of([long], window)
    assert found
    assert (found.times, found.longest_ms, found.event_id, found.still) == (2, 50, "evt_20", 0)
    assert fired_of([events((20, "firing"), (90, "resolved"))], window) is None
    still = fired_of([events((190, "firing")), events((20, "firing"))], window)
    assert still
    assert (still.times, still.longest_ms, still.still) == (2, 100, 2)
