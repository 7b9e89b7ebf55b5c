"""The page of one trace in a browser: keys, the critical path, tabs, and how much a choice sends."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from llmtrace_dashboards import database
from llmtrace_dashboards.components.transcript import Message, bounded
from llmtrace_dashboards.panels.span import alike, ranked
from llmtrace_dashboards.queries import traces as queries
from llmtrace_dashboards.state.view import View
from support.app import Seeded, owner
from support.browser import page_on, settled
from support.seed import HOSTILE, millis

if TYPE_CHECKING:
    from playwright.sync_api import Browser, WebSocket

_MOST_BYTES = 300 * 1024


def test_what_was_said_of_a_trace_and_how_a_cost_changed_are_found(store: Seeded) -> None:
    """Each row once, by the documents; of a trace nobody judged there are none."""
    client = owner(store.stack)
    call = next(s for s in store.seed.spans if s["is_call"] and s["cost_usd"] is not None)
    trace_id, span_id, start_ns = "5c" * 16, "5d" * 8, millis(call["timestamp"]) * 1_000_000
    at = call["timestamp"]
    names = ["project", "timestamp", "trace_id", "span_id", "name", "value", "label", "explanation"]
    client.insert("llmtrace.scores", [["default", at, trace_id, span_id, "faithful", 0.4, "fail", HOSTILE[0]]], names)
    names = ["project", "timestamp", "trace_id", "span_id", "name", "value", "label", "comment"]
    client.insert("llmtrace.feedback", [["default", at, trace_id, "", "thumb", None, "down", HOSTILE[1]]], names)
    rows = database.rows(queries.scores(trace_id, start_ns))
    assert sorted((row["source"], row["span_id"], row["verdict"], row["told"]) for row in rows) == [
        ("evaluation", span_id, "fail", HOSTILE[0]),
        ("feedback", "", "down", HOSTILE[1]),
    ]
    assert database.rows(queries.scores("5e" * 16, start_ns)) == []
    assert database.rows(queries.changes(trace_id, span_id, start_ns)) == []


def test_what_was_said_of_an_answer_by_its_id_is_said_of_its_span(store: Seeded) -> None:
    """Once, though it came twice; with the correction; not in another project, nor of another answer."""
    client = owner(store.stack)
    call = next(s for s in store.seed.spans if s["is_call"])
    at, trace_id, span_id, start_ns = call["timestamp"], "6c" * 16, "6d" * 8, millis(call["timestamp"]) * 1_000_000
    names = ["project", "timestamp", "trace_id", "span_id", "response_id"]
    client.insert("llmtrace.spans", [["said", at, trace_id, span_id, "chatcmpl-said"]], names)
    names = ["project", "timestamp", "response_id", "name", "label", "comment", "correction", "attributes"]
    once = ["said", at, "chatcmpl-said", "thumb", "down", "wrong year", "1969", {"llmtrace.feedback.id": "f-1"}]
    others = [["other", *once[1:]], ["said", at, "chatcmpl-other", *once[3:]]]
    client.insert("llmtrace.feedback", [once, once, *others], names)
    rows = database.rows(queries.scores(trace_id, start_ns))
    assert [(row["span_id"], row["verdict"], row["told"]) for row in rows] == [(span_id, "down", "wrong year → 1969")]


def test_a_span_stands_where_the_others_say(store: Seeded) -> None:
    """Faster, cheaper and in all, as counted by hand; the link has those that took about as long."""
    call = max(
        (s for s in store.seed.spans if s["model"] == "gpt-5" and s["status_code"] != "ERROR"),
        key=lambda s: s["duration_ns"],
    )
    (span,) = database.rows(queries.span(call["trace_id"], call["span_id"], millis(call["timestamp"]) * 1_000_000))
    window = queries.around(span)
    others = [
        s
        for s in store.seed.calls(window.start_ms, window.end_ms, model="gpt-5", name=call["name"])
        if s["status_code"] != "ERROR"
    ]
    rank = database.rows(queries.rank(span))[0]
    assert (rank["spans"], rank["faster"]) == (len(others), sum(s["duration_ns"] < call["duration_ns"] for s in others))
    assert rank["cheaper"] == sum(s["cost_usd"] < call["cost_usd"] for s in others)
    told = ranked({"spans": 101, "faster": 93, "priced": 101, "cheaper": 88})
    assert (
        told == "Slower than 93.0% and dearer than 88.0% of the 100 of its name and model in the hour before and after."
    )
    assert ranked({"spans": 20, "faster": 19, "priced": 20, "cheaper": 2}) == ""
    view = alike(span, View())
    found = database.rows(queries.page(view, view.window_at(store.now_ms)))
    near = [s["span_id"] for s in others if abs(s["duration_ns"] / call["duration_ns"] - 1) <= 0.1]
    assert sorted(row["span_id"] for row in found) == sorted(near)
    assert call["span_id"] in near


def test_what_is_too_long_to_send_says_how_much_is_missing() -> None:
    """The first messages whole, the one that goes over cut, the rest counted."""
    found = [Message(role="user", title="User", text=text) for text in ("a" * 10, "b" * 10, "c" * 10)]
    shown = list(bounded(found, 15))
    assert [message.text for message in shown] == ["a" * 10, "b" * 5 + "\n… 15 more characters"]
    assert list(bounded(found, 30)) == found


@pytest.mark.browser
@pytest.mark.processes
def test_a_trace_is_read_with_the_keyboard_alone(browser: Browser, app: str, seeded: Seeded) -> None:
    """Arrows move and fold, Enter shows a span and puts it into the address; a choice sends less than 300 KiB."""
    spans = Counter(span["trace_id"] for span in seeded.seed.spans)
    trace_id, _ = spans.most_common(1)[0]
    received: list[int] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: received.append(len(frame)))

    with page_on(browser, app) as page:
        page.on("websocket", listen)
        page.goto(f"{app}/trace?trace_id={trace_id}")
        rows = page.locator(".canvas .row")
        expect(rows).to_have_count(spans[trace_id])
        settled(page)
        rows.first.focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowLeft")
        expect(page.get_by_text(f"+ {spans[trace_id] - 1} inside")).to_be_visible()
        page.keyboard.press("ArrowRight")
        expect(rows).to_have_count(spans[trace_id])
        page.keyboard.press("c")
        expect(page.get_by_role("button", name="Critical path")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("ArrowDown")
        received.clear()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"span=[0-9a-f]{16}"))
        chosen = re.sub(".*span=([0-9a-f]{16}).*", r"\1", page.url)
        name = next(span["name"] for span in seeded.seed.spans if span["span_id"] == chosen)
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        expect(page.locator(".canvas .row.selected")).to_have_attribute("href", re.compile(chosen))
        settled(page)
        assert 0 < sum(received) < _MOST_BYTES
        page.get_by_role("tab", name="JSON").click()
        expect(page.get_by_text(f'"span_id": "{chosen}"')).to_be_visible()
