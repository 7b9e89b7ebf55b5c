"""Acting on alerts from the app: a real collector does what is asked, as whom it is asked, or says why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from streamlit.testing.v1 import AppTest

from llmtrace_dashboards import access, collector, database
from llmtrace_dashboards.collector import Collector
from llmtrace_dashboards.panels import acting, rules
from support.app import alerts, app_command
from support.browser import page_on
from support.services import Process, Stack, free_ports
from support.waiting import wait_for

from .test_app import run, said

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = "**x** [a](http://evil.example) <img src=x onerror=alert(1)> $x$ :red[y]"


@pytest.fixture
def asked(watched: tuple[Stack, str], monkeypatch: pytest.MonkeyPatch) -> Collector:
    """The collector as the one this process asks."""
    stack, key = watched
    database.use(database.Address(port=stack.store_port))
    found = Collector.of(stack.http_url, key)
    monkeypatch.setattr(collector, "_collector", found)
    return found


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception, app.exception
    return app


def test_without_a_collector_the_page_reads_and_says_how_to_change_that(
    watched: tuple[Stack, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, and no form."""
    database.use(database.Address(port=watched[0].store_port))
    monkeypatch.setattr(collector, "_collector", None)
    app = run("alerts")
    assert "start it with `--collector URL`" in said(app)
    assert not {"Acknowledge", "Silence"} & {button.label for button in app.button}


def test_a_viewer_is_offered_nothing_and_refused_when_asking_anyway(
    asked: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form of a reviewer whose session is a viewer's by the time it is sent does nothing."""
    app = run("alerts")
    app.text_input[0].input("mine")
    before = alerts(asked)
    viewer = access.Person(name="vera", role=access.Role.VIEWER)
    monkeypatch.setattr(access, "present", lambda _: viewer)
    press(app, "Acknowledge")
    assert "This needs the role reviewer; yours is viewer" in said(app)
    assert alerts(asked) == before
    assert not {"Acknowledge", "Silence", "End it now"} & {button.label for button in app.button}


def test_what_is_typed_reaches_the_collector_as_it_is(asked: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silence with hostile words is made as whoever sits here, listed as text, and ended."""
    who = access.Person(name="zoë", role=access.Role.REVIEWER)
    monkeypatch.setattr(access, "present", lambda _: who)
    app = run("alerts")
    (matchers,) = app.text_area
    assert set(matchers.value.splitlines()) == {'rule="daily-cap"', 'user="alice"'}
    matchers.input(f"user={json.dumps(HOSTILE)}")
    press(app, "Silence")
    assert "choose when it ends" in said(app)
    assert not asked.ask("GET", "silences")["silences"]
    app.selectbox(key=next(box.key for box in app.selectbox if box.label == "Ends in")).select("2h")
    app.text_area[0].input(f"user={json.dumps(HOSTILE)}")
    next(one for one in app.text_input if one.label == "Reason").input(HOSTILE)
    press(app, "Silence")
    assert "Silenced for 2h." in said(app)
    (made,) = asked.ask("GET", "silences")["silences"]
    assert made["reason"] == HOSTILE
    assert made["who"].endswith(" as zoë")
    press(app, "End it now")
    assert not asked.ask("GET", "silences")["silences"]


def test_what_the_collector_refuses_is_said_in_its_words(asked: Collector) -> None:
    """In place, and the form keeps what was typed."""
    app = run("alerts")
    app.text_area[0].input("no matcher at all")
    app.selectbox(key=next(box.key for box in app.selectbox if box.label == "Ends in")).select("1h")
    next(one for one in app.text_input if one.label == "Reason").input("x")
    press(app, "Silence")
    assert '"no matcher at all" is no matcher' in said(app)
    assert app.text_area[0].value == "no matcher at all"


def test_a_collector_that_is_away_or_another_is_a_sentence(
    watched: tuple[Stack, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody there, a wrong key, and something else at that port: the rest of the page lives."""
    stack, _ = watched
    database.use(database.Address(port=stack.store_port))
    (port,) = free_ports(1)
    for url, key, told in (
        (f"http://127.0.0.1:{port}", "k", "cannot be reached"),
        (stack.http_url, "k", "Bearer KEY"),
        (stack.store_url, "k", "is not a collector"),
    ):
        monkeypatch.setattr(collector, "_collector", Collector.of(url, key))
        app = run("alerts")
        assert told in said(app), url
        assert "Changes in this range" in said(app)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:4318", "ftp://x", "http://", "http://me:pw@x", "http://x/path", "http://x:y"]
)
def test_a_url_that_is_no_collectors_is_one_sentence(url: str) -> None:
    """It says how to write one."""
    with pytest.raises(ValueError, match="write it like http"):
        Collector.of(url, "k")
    with pytest.raises(ValueError, match="is not a key"):
        Collector.of("http://127.0.0.1:4318", "a\r\nb")


def editor(app: AppTest) -> Any:
    return next(area for area in app.text_area if area.label == "The rule as YAML")


def test_a_rule_is_tried_saved_and_fires_and_is_deleted(asked: Collector) -> None:
    """A mistake is said by its path; a backtest says when it would have fired; saved, it fires; the file's stay."""
    app = run("alerts")
    name = f"cap {HOSTILE}"
    text = json.dumps({"name": name, "kind": "spend", "group_by": ["user"], "window": "24h", "limit_usd": 4})
    editor(app).input(text.replace("24h", "5 minutes"))
    press(app, "Save")
    assert 'window: "5 minutes"' in said(app)
    editor(app).input(text)
    press(app, "Try on the last 14 days")
    assert "It would have fired 1 time" in said(app)
    assert [one["name"] for one in asked.ask("GET", "rules")["rules"]] == ["daily-cap"]
    press(app, "Save")
    assert f"Saved: {name}" in said(app)
    wait_for(lambda: [one for one in alerts(asked) if (one["rule"], one["state"]) == (name, "firing")], what="it fires")

    app = run("alerts")
    app.selectbox(key="rule_chosen").select("daily-cap").run()
    assert "A rule of the file is changed there" in said(app)
    assert "name: daily-cap-copy" in editor(app).value
    assert "Delete" not in {button.label for button in app.button}
    app.selectbox(key="rule_chosen").select(name).run()
    press(app, "Delete")
    assert f"Deleted: {name}" in said(app)
    assert [one["name"] for one in asked.ask("GET", "rules")["rules"]] == ["daily-cap"]


def test_a_reviewer_reads_rules_and_cannot_save_one(asked: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by what the page offers nor by a form from when they were an admin."""
    app = run("alerts")
    reviewer = access.Person(name="rob", role=access.Role.REVIEWER)
    editor(app).input(json.dumps({"name": "mine", "kind": "spend", "window": "24h", "limit_usd": 4}))
    monkeypatch.setattr(access, "present", lambda _: reviewer)
    press(app, "Save")
    assert "This needs the role admin; yours is reviewer" in said(app)
    assert "To change rules needs the role admin." in said(app)
    assert [one["name"] for one in asked.ask("GET", "rules")["rules"]] == ["daily-cap"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Write the keys of one rule"),
        ("- a", "Write the keys of one rule"),
        ("kind: spend", "name: write what"),
        ("name: a\n  kind: b", "line 2: this is not YAML"),
        ("name: &a [x]\nb: *a", "no YAML aliases"),
        ("name: a\nat: 2026-01-01", "put it in quotes"),
        ("name: !!python/object/apply:os.system [x]", "this is not YAML"),
        ("[" * 5000, "not YAML"),
        ("name: " + "x" * 20_000, "larger than 20,000 bytes"),
    ],
)
def test_a_text_that_is_no_rule_is_one_sentence(text: str, told: str) -> None:
    """Before the collector is asked."""
    with pytest.raises(ValueError, match=told):
        rules.read(text)


def test_bands_last_from_firing_to_resolved() -> None:
    """By group; what fires to the end lasts to the end; what only waited is none."""
    changes = [
        {"at": str(at), "group": {"user": user}, "state": state}
        for at, user, state in [
            (1, "a", "pending"),
            (2, "a", "firing"),
            (3, "b", "firing"),
            (4, "a", "resolved"),
            (5, "a", "firing"),
            (6, "c", "pending"),
            (7, "c", "inactive"),
        ]
    ]
    found = [(one["group"]["user"], one["start"], one["end"]) for one in rules.bands(changes, "9")]
    assert found == [("a", "2", "4"), ("b", "3", "9"), ("a", "5", "9")]


def test_acknowledged_and_silenced_in_a_browser_the_command_line_tells(
    browser: Browser, watched: tuple[Stack, str]
) -> None:
    """On a phone and by keyboard; `llmtrace alerts list` shows both."""
    from playwright.sync_api import expect

    stack, key = watched
    environ = {collector.KEY: key}
    process = Process.start(
        [*app_command(stack), "--collector", stack.http_url], stack.folder / "app.log", {**stack.environ, **environ}
    )
    try:
        process.wait_answer(f"{stack.dashboard_url}/_stcore/health")
        with page_on(browser, stack.dashboard_url, viewport={"width": 390, "height": 844}) as page:
            page.goto(f"{stack.dashboard_url}/alerts")
            page.get_by_label("What is being done").focus()
            page.keyboard.type("on it")
            page.keyboard.press("Enter")
            expect(page.get_by_text("The alert is acknowledged.")).to_be_visible()
            page.get_by_role("combobox", name="Ends in").focus()
            page.keyboard.type("2h")
            page.keyboard.press("Enter")
            page.get_by_label("Reason").focus()
            page.keyboard.type("load test")
            page.keyboard.press("Enter")
            expect(page.get_by_text("Silenced for 2h.")).to_be_visible()
            expect(page.get_by_role("button", name="End it now")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            main = page.get_by_test_id("stMain")
            assert main.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
            if folder := os.environ.get("LLMTRACE_TEST_SCREENSHOTS"):
                page.screenshot(path=Path(folder) / "acting-390.png", full_page=True)
    finally:
        process.clean_up()
    command = [sys.executable, "-m", "llmtrace.cli", "alerts", "list", "--json", "--data", str(stack.data)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "load test" in shown
    assert acting.matchers(alerts(Collector.of(stack.http_url, key))[0]) == ['rule="daily-cap"', 'user="alice"']
