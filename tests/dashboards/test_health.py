"""The page about llmtrace itself: its figures are those of store and collector, and what is down is a sentence."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from llmtrace_collector.access import Scope
from llmtrace_collector.access.register import Register
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.upkeep import retention
from llmtrace_collector.upkeep.retention import Setting
from llmtrace_collector.watch import load
from llmtrace_dashboards import collector, database, figures, timings
from llmtrace_dashboards.collector import Collector, CollectorError
from llmtrace_dashboards.measures import health
from llmtrace_dashboards.queries import surroundings, traces
from llmtrace_dashboards.state import clock
from llmtrace_dashboards.state.ranges import DAY_MS, ending_at
from llmtrace_dashboards.state.view import View
from llmtrace_dashboards.timings import Timing, Timings, by_name
from support.app import app_command
from support.browser import page_on
from support.otlp import post, request, span
from support.seed import Seed, make, millis
from support.services import Process, Stack, free_ports, stack_at
from support.waiting import wait_for

from .test_app import run, said

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.processes

HOSTILE = "**x** [a](http://evil.example) <img src=x onerror=alert(1)> $x$ :red[y]"
RULE = {"name": HOSTILE, "kind": "spend", "group_by": ["user"], "window": "24h", "limit_usd": 5000}
SENT = 7
"""Spans that came in and are right; two more are not."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Seed, str]]:
    """Store and collector with a rule of a hostile name, what is seeded, spans that came in, and a key's text."""
    folder = tmp_path_factory.mktemp("health")
    (folder / "rules.yaml").write_text(yaml.safe_dump({"rules": [RULE]}))
    with stack_at(folder) as stack:
        stack.store()
        stack.collector("--rules", str(folder / "rules.yaml"), "--watch-interval", "0.2")
        stack.wait_migrated()
        seed = make(datetime.now(UTC))
        client = stack.owner()
        seed.insert(client)
        body = request(*(span() for _ in range(SENT)), span(trace_id=b"\0" * 16), span(span_id=b"\0" * 8))
        assert post(f"{stack.http_url}/v1/traces", body)[0] == 200
        wait_for(lambda: client.command("SELECT count() FROM spans WHERE service_name = 'shop'") == SENT)
        retention.store(client, [Setting(table="spans", project=HOSTILE, days=7)], who="tests")
        retention.store(client, [Setting(table="spans", days=60), Setting(table="traces", days=14)], who="tests")
        retention.apply(client)
        _, key = Register(DataFolder(stack.data)).create(
            name="app", project="default", scopes={Scope.ADMIN}, who="tests"
        )
        yield stack, seed, key


@pytest.fixture
def known(running: tuple[Stack, Seed, str], monkeypatch: pytest.MonkeyPatch) -> tuple[Stack, Seed]:
    """The running ones as those of this process, which has no key."""
    stack, seed, _ = running
    database.use(database.Address(port=stack.store_port))
    monkeypatch.setattr(collector, "_collector", Collector.of(stack.http_url, ""))
    return stack, seed


def tables(app: AppTest) -> dict[str, list[dict[str, Any]]]:
    """Rows of the tables of a page, by label."""
    found = [json.loads(part.proto.json) for part in app.get("bidi_component") if "table" in part.proto.component_name]
    return {one["label"]: one["rows"] for one in found if "label" in one}


def checks(app: AppTest) -> dict[str, dict[str, str]]:
    """State, figure and advice by part."""
    return {
        row["what"]: {"state": row["state"]["text"], "figure": row["figure"]["text"], "advice": row["advice"]}
        | {"leads": row["figure"].get("href", "")}
        for row in tables(app)["Checks"]
    }


def test_the_checks_have_the_figures_of_store_and_collector(known: tuple[Stack, Seed]) -> None:
    """What arrived, what was quarantined and why, how late, what is rolled up, delivered and priced."""
    stack, seed = known
    app = run("health")
    found, now_ms = checks(app), clock.now_ms()
    assert f"Quarantined: 2 in 24 h; {found['Quarantined']['advice']}" in said(app)
    assert found["Collector"] == {"state": "good", "figure": stack.http_url, "advice": "", "leads": ""}
    assert found["Accounts"]["figure"] == f"{SENT + 2} accepted, none missing"
    assert found["Log to store"]["figure"] == "nothing waits"
    assert found["Watch"]["figure"].startswith("1 rule, looked ")
    assert found["Arriving"]["figure"] == f"{figures.rate(SENT / 5)} spans a minute, in the last 5 min"
    assert found["Quarantined"]["state"] == "warning"
    assert "spans, trace_id" in found["Quarantined"]["advice"]
    assert found["Quarantined"]["figure"] == "2 in 24 h"
    day = [s for s in seed.spans if millis(s["timestamp"]) >= (now_ms - DAY_MS) // 3_600_000 * 3_600_000]
    assert found["Rollups"] | {"advice": ""} == {
        "state": "good",
        "figure": f"all {figures.plural(len(day) + SENT, 'span')} of 24 h",
        "advice": "",
        "leads": "",
    }
    outcomes = [attempt["outcome"] for attempt in seed.alert_deliveries]
    assert (
        f"{outcomes.count('delivered')} delivered, {outcomes.count('failed')} failed" in (found["Deliveries"]["figure"])
    )
    assert found["Deliveries"]["leads"] == "alerts?"
    assert stack.reader().command("SELECT version()") in found["Store"]["figure"]


def test_calls_without_a_price_are_those_that_the_link_leads_to(known: tuple[Stack, Seed]) -> None:
    """As many as the Overview says, and as many as the list of spans has."""
    _, seed = known
    found = checks(run("health"))["Prices"]
    window = ending_at(clock.now_ms(), "24h")
    calls = seed.calls(window.start_ms, window.end_ms)
    unpriced = sum(c["cost_usd"] is None and c["status_code"] != "ERROR" for c in calls)
    assert found["figure"] == f"{unpriced} of {len(calls) + SENT} calls without one"
    row = database.rows(traces.matching(View().asking("is:unpriced"), window))[0]
    assert row["calls"] == unpriced
    assert found["leads"].startswith("traces?")
    assert "grain=span" in found["leads"]
    assert "is%3Aunpriced" in found["leads"]


def test_tables_have_the_rows_of_the_store_and_how_long_they_are_kept(known: tuple[Stack, Seed]) -> None:
    """With the retention of a project of its own, whatever it is called."""
    stack, _ = known
    shown = {row["name"]: row for row in tables(run("health"))["Tables of the store"]}
    reader = stack.reader()
    for name in ("spans", "span_content", "spans_quarantine", "alert_deliveries", "schema_migrations"):
        assert shown[name]["rows"] == figures.count(reader.command(f"SELECT count() FROM {name}")), name
    assert shown["spans"]["kept"] == f"60 days, {HOSTILE}: 7 days"
    assert shown["traces"]["kept"] == "14 days"
    assert shown["span_content"]["kept"] == "30 days"
    assert shown["schema_migrations"]["kept"] == "for good"
    assert "log_records" not in shown


def test_without_a_key_health_is_shown_and_rules_are_a_sentence(known: tuple[Stack, Seed]) -> None:
    """The key is for changes, and the settings say so."""
    app = run("health")
    assert checks(app)["Collector"]["state"] == "good"
    assert "Rules are exported where the app may ask the collector" in said(app)
    values = {row["name"]: row["value"] for row in tables(app)["Settings"]}
    assert values["changes"] == "none: the app has no key to the collector"
    assert values["collector"] == known[0].http_url
    assert values["store"].startswith(known[0].store_url)
    assert not any(button.label == "Acknowledge" for button in run("alerts").button)


def test_what_is_exported_is_what_llmtrace_reads(
    known: tuple[Stack, Seed], running: tuple[Stack, Seed, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rules and retention, each by its own reader, and as text on the page; a key is nowhere on it."""
    stack, _, key = running
    monkeypatch.setattr(collector, "_collector", Collector.of(stack.http_url, key))
    app = run("health")
    codes = [block.value for block in app.code]
    rules, kept = tmp_path / "rules.yaml", tmp_path / "retention.yaml"
    rules.write_text(next(text for text in codes if text.startswith("rules:")))
    kept.write_text(next(text for text in codes if "projects:" in text))
    assert yaml.safe_load(rules.read_text()) == {"rules": [RULE]}
    assert [rule.name for rule in load(rules)] == [HOSTILE]
    assert set(retention.load(kept)) == {
        Setting(table="spans", days=60),
        Setting(table="traces", days=14),
        Setting(table="spans", project=HOSTILE, days=7),
    }
    assert "llmtrace webhooks test CHANNEL --rules rules.yaml" in codes
    assert key not in said(app) + json.dumps(tables(app)) + "".join(codes)


def test_a_collector_and_a_store_that_are_killed_are_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes its own checks and no others; the store can be asked again from each panel."""
    with stack_at(tmp_path) as stack:
        store, process = stack.store(), stack.collector("--watch-interval", "0.2")
        stack.wait_migrated()
        database.use(database.Address(port=stack.store_port))
        monkeypatch.setattr(collector, "_collector", Collector.of(stack.http_url, ""))
        app = run("health")
        assert "no span has ever arrived" in checks(app)["Arriving"]["advice"]
        assert "Nothing needs a look" in said(app)
        store.kill()
        assert post(f"{stack.http_url}/v1/traces", request(span()))[0] == 200
        wait_for(lambda: not Collector.of(stack.http_url, "").ready()["store"]["reachable"], what="it notices")
        app = run("health")
        found = checks(app)
        assert found["Store"]["state"] == "error"
        assert "does not answer" in found["Store"]["advice"]
        assert found["Collector"]["state"] == "good"
        assert found["Log to store"]["state"] == "warning"
        assert "nothing is lost" in found["Log to store"]["advice"]
        assert {"Check again", "Retry"} <= {button.label for button in app.button}
        assert said(app).count("does not answer") >= 2
        process.kill()
        found = checks(run("health"))
        assert found["Collector"]["state"] == "error"
        assert "cannot be reached" in found["Collector"]["advice"]
        assert found["Watch"] == {
            "state": "–",
            "figure": "not known",
            "advice": "only the collector knows",
            "leads": "",
        }


def test_what_is_no_collector_is_said(known: tuple[Stack, Seed], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another server at its address, none that is known, and nobody: the store's checks stay."""
    stack, _ = known
    (port,) = free_ports(1)
    for found, told in (
        (Collector.of(stack.store_url, ""), "is not a collector"),
        (Collector.of(f"http://127.0.0.1:{port}", ""), "cannot be reached"),
        (None, "start the app with"),
    ):
        monkeypatch.setattr(collector, "_collector", found)
        shown = checks(run("health"))
        assert told in shown["Collector"]["advice"]
        assert shown["Store"]["state"] == "good"
    with pytest.raises(CollectorError, match="is not a collector"):
        Collector.of(stack.store_url, "").refused()


def told(**changed: Any) -> dict[str, Any]:
    """What a collector that is well says of itself, with changes."""
    well: dict[str, Any] = {
        "accepting": {"ok": True, "why": ""},
        "store": {"reachable": True, "why": ""},
        "backlog": {"bytes": 0, "segments": 0, "oldest_s": 0.0},
        "room": {"bytes": 900, "quota_bytes": 1000},
        "items": {"traces": {"accepted": 5, "missing": 0}},
        "dead_letters": 0,
        "watch": {"last_evaluation": "2026-11-27T06:00:00.000Z", "error": None, "rules": 2, "outbox": 1},
    }
    return {
        name: value | changed.get(name, {}) if isinstance(value, dict) else changed.get(name, value)
        for name, value in well.items()
    }


NOW_MS = millis(datetime(2026, 11, 27, 6, 0, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    ("changed", "part", "state", "words"),
    [
        ({"accepting": {"ok": False, "why": "the disk is full"}}, "Collector", "error", "the disk is full"),
        ({"backlog": {"bytes": 10, "oldest_s": 30.0}}, "Log to store", "good", ""),
        ({"backlog": {"bytes": 10, "oldest_s": 90.0}}, "Log to store", "warn", "more slowly than they come"),
        ({"backlog": {"bytes": 10, "oldest_s": 400.0}}, "Log to store", "error", "more slowly than they come"),
        ({"store": {"reachable": False, "why": "refused"}}, "Log to store", "warn", "nothing is lost: refused"),
        ({"room": {"bytes": 99}}, "Room in the log", "warn", "senders are refused"),
        ({"room": {"bytes": 0}}, "Room in the log", "error", "senders are refused"),
        ({"items": {"logs": {"accepted": 3, "missing": 2}}}, "Accounts", "error", "llmtrace wal verify"),
        ({"dead_letters": 4}, "Dead letters", "error", "llmtrace wal inspect"),
        ({"watch": {"error": "rules.yaml: x"}}, "Watch", "error", "rules.yaml: x"),
        ({"watch": {"last_evaluation": "2026-11-27T05:58:00.000Z"}}, "Watch", "warn", "nobody is told"),
        ({"watch": {"last_evaluation": "2026-11-27T05:00:00.000Z"}}, "Watch", "error", "nobody is told"),
        ({"watch": {"last_evaluation": None}}, "Watch", "warn", "not looked at its rules yet"),
        ({"watch": {"last_evaluation": None, "standby": {"leads": False, "leader": "b"}}}, "Watch", "good", ""),
        ({"watch": {"outbox_failed": 3}}, "Notices", "error", "redeliver"),
    ],
)
def test_what_is_not_well_says_what_to_do(changed: dict[str, Any], part: str, state: str, words: str) -> None:
    """And nothing else of the same collector is called unwell for it."""
    found = {check.what: check for check in health.collector(told(**changed), 0, "http://c", NOW_MS)}
    assert found[part].state == state
    assert words in found[part].advice
    assert {check.state for what, check in found.items() if what != part} == {"good"}
    assert [*found] == ["Collector", *health.COLLECTOR]


def test_lag_deliveries_rollups_and_prices_are_judged() -> None:
    """Clocks ahead, spans held back, receivers that are not reached, rollups behind, a list of prices that is old."""
    second = 10**9
    for p50, p95, state, words in (
        (second, 2 * second, "good", "to its receipt"),
        (second, 90 * second, "warn", "holds spans back"),
        (-60 * second, second, "warn", "clocks are 60.0 s ahead"),
    ):
        check = health.lagging({"spans": 3, "p50_ns": p50, "p95_ns": p95})
        assert (check.state, words in check.advice) == (state, True), check
    assert health.lagging({"spans": 0, "p50_ns": None, "p95_ns": None}).state == "off"
    one = {"webhook": HOSTILE, "delivered": 1, "failed": 1, "retried": 0}
    assert [health.delivered([one | {"newest": end}]).state for end in ("delivered", "retry", "failed")] == [
        "warn",
        "warn",
        "error",
    ]
    assert health.delivered([]).state == "off"
    rolled = {"stored": 5, "newest_ms": 9_000, "rolled": 4, "rolled_newest_ms": 4_000}
    assert health.rolled_up(rolled).figure == "4 of 5 spans, 5.00 s behind"
    assert health.rolled_up(rolled | {"rolled": 5, "rolled_newest_ms": 9_000}).state == "good"
    assert health.price_list("genai-prices/1", NOW_MS - 61 * DAY_MS, NOW_MS).state == "warn"
    assert health.price_list("genai-prices/1", NOW_MS - 59 * DAY_MS, NOW_MS).state == "good"
    assert health.price_list("genai-prices/1", None, NOW_MS).state == "off"
    assert health.priced(0, 0, "").state == "off"
    assert health.priced(5, 0, "").state == "good"


def test_a_query_of_the_app_is_timed_with_its_rows_and_one_without_an_answer_as_failed(
    known: tuple[Stack, Seed], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name alone: what was asked for is not remembered."""
    monkeypatch.setattr(timings, "queries", Timings())  # the page has the slowest of what else this process asked
    database.rows(surroundings.last_span(clock.now_ms()))
    newest = timings.queries.kept()[-1]
    assert (newest.name, newest.rows) == ("last_span", 1)
    assert newest.ms > 0
    assert abs(newest.at_ms - clock.now_ms()) < 60_000
    database.use(database.Address(port=free_ports(1)[0]))
    with pytest.raises(database.StoreDownError):
        database.rows(surroundings.last_span(clock.now_ms()))
    assert timings.queries.kept()[-1].rows is None
    database.use(database.Address(port=known[0].store_port))
    rows = {row["name"]: row for row in tables(run("health"))["Queries of the app"]}
    assert int(rows["last_span"]["failed"]["text"]) >= 1


def test_timings_of_many_threads_are_bounded_and_none_is_torn() -> None:
    """Sessions add while others read; only the newest stay."""
    ring = Timings(most=50)
    started = threading.Barrier(9)
    wrong: list[BaseException] = []

    def work(number: int) -> None:
        started.wait()
        try:
            for at in range(500):
                if number:
                    ring.add(Timing(name=f"q{number}", rows=at, ms=float(at), at_ms=at))
                assert len(ring.kept()) <= 50
                by_name(ring.kept())
        except BaseException as error:  # noqa: BLE001  of whatever kind: the thread would swallow it
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    started.wait()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(ring.kept()) == 50
    assert all(timing.rows == timing.at_ms for timing in ring.kept())


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1e6), st.none() | st.integers(0, 9)), max_size=40))
def test_the_summary_of_timings_is_that_of_each_name(given_: list[tuple[str, float, int | None]]) -> None:
    """Nearest rank: of n sorted times the percentile is one of them, with so many of them at or below it."""
    kept = [Timing(name=name, rows=rows, ms=ms, at_ms=at) for at, (name, ms, rows) in enumerate(given_)]
    found = by_name(kept)
    assert sum(one.count for one in found) == len(kept)
    assert [one.p95_ms for one in found] == sorted((one.p95_ms for one in found), reverse=True)
    for one in found:
        took = [timing.ms for timing in kept if timing.name == one.name]
        assert one.slowest_ms == max(took)
        for percent, value in ((50, one.p50_ms), (95, one.p95_ms)):
            assert value in took
            assert sum(ms <= value for ms in took) * 100 >= percent * len(took)
            assert sum(ms < value for ms in took) * 100 < percent * len(took)
        assert one.failed == sum(timing.rows is None for timing in kept if timing.name == one.name)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_read_on_a_phone_whatever_rules_and_projects_are_called(
    browser: Browser, running: tuple[Stack, Seed, str], scheme: str
) -> None:
    """Hostile names are text, nothing is wider than the screen, and the link of unpriced calls opens their list."""
    from playwright.sync_api import expect

    stack, _, key = running
    command = [*app_command(stack), "--collector", stack.http_url]
    process = Process.start(command, stack.folder / f"app-{scheme}.log", {**stack.environ, collector.KEY: key})
    try:
        process.wait_answer(f"{stack.dashboard_url}/_stcore/health")
        wide = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
        with page_on(browser, stack.dashboard_url, **wide) as page:
            page.goto(f"{stack.dashboard_url}/health")
            expect(page.get_by_text("of this process, with the way to the store")).to_be_visible()
            expect(page.get_by_role("region", name="Checks").get_by_role("row")).to_have_count(17)
            expect(page.get_by_text(f"{HOSTILE}: 7 days")).to_be_visible()
            expect(page.get_by_role("code").filter(has_text=HOSTILE).first).to_be_visible()
            expect(page.get_by_role("button", name="rules.yaml")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            assert page.get_by_test_id("stMain").evaluate("e => e.scrollWidth - e.clientWidth") <= 0
            if folder := os.environ.get("LLMTRACE_TEST_SCREENSHOTS"):
                page.screenshot(path=Path(folder) / f"health-390-{scheme}.png", full_page=True)
            page.get_by_role("link", name="calls without one").click()
            expect(page.get_by_role("heading", level=1, name="Traces")).to_be_visible()
    finally:
        process.clean_up()
