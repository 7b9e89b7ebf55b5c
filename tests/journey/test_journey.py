"""From one call to one alert: real client, collector, store, dashboard in Chromium, signed webhook."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, expect
from standardwebhooks import Webhook

from llmtrace.testing import FakeProvider
from support.browser import chromium, page_on, settled
from support.services import Stack, stack_at
from support.waiting import wait_for

pytestmark = [pytest.mark.processes]

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes....").decode()
CALLS = 9


@dataclass
class Inbox:
    """A webhook receiver that believes only what the `standardwebhooks` package verifies."""

    url: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    box = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            box.messages.append(Webhook(SECRET).verify(body, headers))
            box.ids.append(headers["webhook-id"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        box.url = f"http://127.0.0.1:{server.server_port}/hook"
        yield box
        server.shutdown()


def run_app(stack: Stack, **environ: str) -> str:
    """Runs the app to its end and gives what it wrote to stderr."""
    with FakeProvider() as provider:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("app.py")), provider.base_url],
            capture_output=True,
            text=True,
            timeout=60,
            env={
                **os.environ,
                "OTEL_EXPORTER_OTLP_ENDPOINT": stack.http_url,
                "OTEL_SERVICE_NAME": "journey",
                **environ,
            },
        )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return done.stderr


def count(stack: Stack) -> int:
    return int(stack.reader().query("SELECT count() FROM spans").result_rows[0][0])


def rules_file(folder: Path, inbox: Inbox) -> Path:
    file = folder / "rules.yaml"
    rule = {
        "name": "per-user",
        "kind": "spend",
        "group_by": ["user"],
        "window": "1h",
        "limit_usd": 0.0000001,
        "for": "0s",
        "webhooks": [{"url": inbox.url, "secret": SECRET}],
    }
    file.write_text(yaml.safe_dump({"rules": [rule]}))
    return file


@pytest.mark.browser
def test_from_one_call_to_one_alert(tmp_path: Path, inbox: Inbox) -> None:
    with stack_at(tmp_path, new=True) as stack, chromium() as browser:
        up = stack.up("--rules", str(rules_file(tmp_path, inbox)), "--notify-allow", "127.0.0.1")
        assert [line.split()[0] for line in up.output.splitlines()] == ["store", "collector", "dashboard", "Ctrl-C"]

        assert not run_app(stack, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="span_only")
        wait_for(lambda: count(stack) == CALLS, what=f"{CALLS} spans")
        stored_as_reported(stack)

        wait_for(lambda: len(inbox.messages) >= 2, 30, what="a webhook for each user")
        assert {message["type"] for message in inbox.messages} == {"alert.firing"}
        groups = [message["data"]["group"] for message in inbox.messages]
        assert sorted(groups, key=str) == [{"user": "ada"}, {"user": "bob"}]
        assert len(set(inbox.ids)) == len(inbox.ids)
        ada = next(m["data"] for m in inbox.messages if m["data"]["group"] == {"user": "ada"})
        assert {"rule", "group", "state", "value", "limit", "since", "link"} <= ada.keys()
        assert ada["link"].startswith(f"{stack.dashboard_url}/traces?")

        with page_on(browser, stack.dashboard_url) as page:
            see_overview(page, stack, tmp_path)
            see_traces_of_the_alert(page, ada["link"], tmp_path)
        assert up.stop() == 0


def stored_as_reported(stack: Stack) -> None:
    reader = stack.reader()
    assert reader.query("SELECT DISTINCT service_name, provider, status_code FROM spans").result_rows == [
        ("journey", "openai", "UNSET")
    ]
    by_operation = "SELECT operation, count() FROM spans GROUP BY operation ORDER BY operation"
    assert reader.query(by_operation).result_rows == [("chat", 7), ("embeddings", 1), ("text_completion", 1)]
    users = "SELECT user_id, count() FROM spans WHERE operation = 'chat' GROUP BY user_id ORDER BY user_id"
    assert reader.query(users).result_rows == [("", 1), ("ada", 3), ("bob", 3)]
    priced = "SELECT countIf(cost_usd > 0), countIf(input_tokens > 0), countIf(time_to_first_token_ns > 0) FROM spans"
    assert reader.query(priced).result_rows == [(CALLS, CALLS, 1)]
    sql = "SELECT input_messages FROM span_content WHERE input_messages LIKE '%What%' LIMIT 1"
    content = reader.query(sql).result_rows
    assert json.loads(content[0][0])[0]["parts"][0]["content"] == "<b>What</b> does a span cost?"


def see_overview(page: Page, stack: Stack, folder: Path) -> None:
    page.goto(stack.dashboard_url)
    settled(page)
    calls = page.locator('[data-testid="stMetric"]').filter(has_text="Calls")
    expect(calls).to_contain_text(str(CALLS))
    expect(page.get_by_text("alerts firing")).to_be_visible()
    page.screenshot(path=screenshot(folder, "overview"), full_page=True)


def see_traces_of_the_alert(page: Page, link: str, folder: Path) -> None:
    page.goto(link)
    settled(page)
    expect(page.get_by_text("3 traces")).to_be_visible()
    page.screenshot(path=screenshot(folder, "traces"), full_page=True)


def screenshot(folder: Path, name: str) -> Path:
    """In LLMTRACE_SCREENSHOTS, to be looked at, else in the test's own folder."""
    target = Path(os.environ.get("LLMTRACE_SCREENSHOTS", folder))
    target.mkdir(exist_ok=True)
    return target / f"journey-{name}.png"


def test_an_app_never_notices_that_the_collector_is_away(tmp_path: Path) -> None:
    stack = Stack.at(tmp_path)  # nothing is started
    started = time.monotonic()
    said = run_app(stack).splitlines()
    assert time.monotonic() - started < 20
    assert len(said) == 1, "said once, and nothing else"
    assert said[0].startswith(f"llmtrace: the collector at {stack.http_url}/v1/traces does not take spans")
