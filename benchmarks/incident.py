"""Five incidents, played through a real client, collector and store: each fires the right alert once, and is explained.

    python benchmarks/incident.py [--transcript FILE]

| feature | what happens | rule |
|---|---|---|
| reports | the provider serves a dearer price tier | the mean cost of a call |
| support | version 12 of the prompt is five times as long | the mean input of a call |
| search | another model answers behind the alias | a change of the response model |
| chat | one user's agent runs wild | spend by user |
| moderation | a new prompt's answers are refused | the share of refusals |

The app is the real `openai` client against `llmtrace.testing.FakeProvider`, its spans go to a collector process over
OTLP, and a webhook receiver verifies what comes. Seventy minutes of ordinary calls are sent first, their spans dated
back; then the incidents run for a minute, all at once, and ordinary calls go on until every alert is resolved. Exit
code 1 when a rule does not fire just once, is explained by something else, or does not resolve.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import openai
import yaml
from standardwebhooks import Webhook

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import llmtrace
from llmtrace.testing import FakeProvider, frozen_clock
from llmtrace.testing.replies import FakeReply
from support.services import stack_at

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes....").decode()
HISTORY = timedelta(minutes=70)
ORDINARY_S = 45
INCIDENT_S = 75
LONGEST_S = 420
"""For everything after the history."""
USERS = tuple(f"user-{n}" for n in range(1, 25))


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An app's feature: its ordinary calls, and what is other in the incident."""

    feature: str
    model: str
    rule: dict[str, Any]
    cause: tuple[str, str]
    """What the explanation must name first."""
    version: int = 11
    other: dict[str, Any] = field(default_factory=dict)
    """Of the reply, in the incident."""
    other_version: int = 0
    other_user: str = ""
    longer: int = 1
    """The input, so many times."""
    share: float = 1.0
    """Of the calls that the incident strikes."""


def _threshold(measure: str, above: float | str, feature: str) -> dict[str, Any]:
    return {
        "kind": "threshold",
        "measure": measure,
        "window": "2m",
        "above": above,
        "for": "30s",
        "where": {"feature": feature},
        "min_calls": 10,
    }


SCENES = (
    Scene(
        feature="reports",
        model="gpt-5",
        rule={"name": "cost-of-a-report"} | _threshold("cost_per_call", 0.0035, "reports"),
        cause=("service_tier", "priority"),
        other={"service_tier": "priority"},
    ),
    Scene(
        feature="support",
        model="gpt-5-mini",
        rule={"name": "length-of-support-prompts"} | _threshold("input_tokens_per_call", 2_000, "support"),
        cause=("prompt_version", "12"),
        other_version=12,
        longer=5,
    ),
    Scene(
        feature="search",
        model="gpt-4o",
        rule={
            "name": "model-behind-the-alias",
            "kind": "change",
            "field": "response_model",
            "group_by": ["model"],
            "where": {"feature": "search"},
            "reference": "1h",
            "stays": "90s",
            "for": "30s",
        },
        cause=("system_fingerprint", "fp_9b1d2f"),
        other={"model": "gpt-4o-2026-11-20", "system_fingerprint": "fp_9b1d2f"},
    ),
    Scene(
        feature="chat",
        model="gpt-4o",
        rule={
            "name": "a-user-s-spend",
            "kind": "spend",
            "group_by": ["user"],
            "window": "2m",
            "limit_usd": 0.5,
            "for": "30s",
        },
        cause=("session", "user-7-agent"),
        other_user="user-7",
        longer=20,
        share=0.8,
    ),
    Scene(
        feature="moderation",
        model="gpt-5-mini",
        rule={"name": "refusals"} | _threshold("refusal_rate", "20%", "moderation"),
        cause=("finish_reason", "content_filter"),
        other={"finish_reason": "content_filter"},
        other_version=4,
        version=3,
        share=0.6,
    ),
)


@dataclass
class Transcript:
    """What is printed, and kept."""

    began: float = field(default_factory=time.monotonic)
    lines: list[str] = field(default_factory=list)

    def say(self, text: str = "") -> None:
        """A line."""
        self.lines.append(text)
        print(text, flush=True)

    def at(self, text: str) -> None:
        """A line with the seconds since the beginning."""
        self.say(f"[{time.monotonic() - self.began:5.0f} s] {text}")


class App:
    """The app under watch."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._next = FakeReply()
        self._provider = FakeProvider(lambda _: self._next).start()
        self._client = openai.OpenAI(base_url=self._provider.base_url, api_key="any", max_retries=0)

    def call(self, scene: Scene, *, struck: bool) -> None:
        """One call of a feature; in the incident, where it strikes, another one."""
        struck = struck and self._rng.random() < scene.share
        tokens = round(self._rng.lognormvariate(6.6, 0.4)) * (scene.longer if struck else 1)
        other = scene.other if struck else {}
        self._next = FakeReply(input_tokens=tokens, output_tokens=round(self._rng.lognormvariate(5.0, 0.4)), **other)
        user = self._rng.choice(USERS)
        session = f"{user}-{self._rng.randint(1, 3)}"
        if struck and scene.other_user:
            user, session = scene.other_user, f"{scene.other_user}-agent"
        version = scene.other_version if struck and scene.other_version else scene.version
        with llmtrace.context(user=user, session=session, feature=scene.feature, prompt=(scene.feature, version)):
            self._client.chat.completions.create(model=scene.model, messages=[{"role": "user", "content": "..."}])

    def close(self) -> None:
        """Ends client and provider."""
        self._client.close()
        self._provider.stop()


@contextmanager
def receiver(take: Callable[[dict[str, Any]], None]) -> Iterator[str]:
    """A webhook receiver that believes what the `standardwebhooks` package verifies."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            take(Webhook(SECRET).verify(body, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()


def play(app: App, told: Transcript, notices: list[dict[str, Any]]) -> None:
    """History, incident, recovery."""
    start = datetime.now(UTC) - HISTORY
    calls = 0
    with frozen_clock(start) as clock:
        while clock.now_ns() < time.time_ns() - 5_000_000_000:
            app.call(SCENES[calls % len(SCENES)], struck=False)
            clock.advance(1.5)
            calls += 1
    llmtrace.flush(30)
    told.at(f"{calls:,} ordinary calls of the last 70 minutes are stored; five features, 24 users. No alert so far.")
    _live(app, struck=False, until=lambda spent: spent > ORDINARY_S)  # the rules have looked at what is ordinary
    told.at("the incidents begin")
    _live(app, struck=True, until=lambda spent: spent > INCIDENT_S)
    told.at("the incidents end; ordinary calls go on")

    def over(spent: float) -> bool:
        resolved = sum(notice["type"] == "alert.resolved" for notice in notices)
        return resolved >= len(SCENES) or spent > LONGEST_S

    _live(app, struck=False, until=over)


def _live(app: App, *, struck: bool, until: Callable[[float], bool]) -> None:
    """Ten calls a second, turn by turn, until it is over."""
    began, calls = time.monotonic(), 0
    while not until(time.monotonic() - began):
        app.call(SCENES[calls % len(SCENES)], struck=struck)
        calls += 1
        time.sleep(max(0.0, began + calls / 10 - time.monotonic()))
    llmtrace.flush(10)


def verdicts(notices: list[dict[str, Any]]) -> list[str]:
    """What is not as it should be; nothing when all is."""
    wrong = []
    for scene in SCENES:
        name = scene.rule["name"]
        mine = [notice for notice in notices if notice["data"]["rule"] == name]
        kinds = [notice["type"].removeprefix("alert.") for notice in mine]
        if kinds != ["firing", "resolved"]:
            wrong.append(f"{name}: {', '.join(kinds) or 'nothing'} instead of firing, resolved")
            continue
        attributes = mine[0]["data"].get("attributes") or [{}]
        first = [attributes[0], *attributes[0].get("also", [])]
        if scene.cause not in [(one.get("attribute"), one.get("value")) for one in first]:
            wrong.append(f"{name}: explained by {attributes[0]} instead of {scene.cause}")
    others = {notice["data"]["rule"] for notice in notices} - {scene.rule["name"] for scene in SCENES}
    return wrong + [f"{name}: fired besides" for name in sorted(others)]


def shown(notice: dict[str, Any]) -> str:
    """A notice in the transcript."""
    data = notice["data"]
    kind = notice["type"].removeprefix("alert.")
    group = f" {json.dumps(data['group'])}" if data["group"] else ""
    head = f"{kind.upper()} {data['rule']}{group}: {data.get('summary') or data['value']}"
    if kind != "firing":
        return head
    lines = [head, f"          why: {data.get('explanation', '(not explained)')}"]
    for one in data.get("attributes", [])[:3]:
        figures = {key: value for key, value in one.items() if key not in {"attribute", "value", "also"}}
        lines.append(f"          {one['attribute']} = {one['value']}  {json.dumps(figures)}")
    examples = ", ".join(f"{one['why']} {one['span_id']}" for one in data.get("examples", []))
    return "\n".join([*lines, f"          examples: {examples}", f"          {data.get('explained_link', '')}"])


def main() -> int:
    """Plays, prints, judges."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transcript", type=Path)
    given = parser.parse_args()
    notices: list[dict[str, Any]] = []
    told = Transcript()

    def take(notice: dict[str, Any]) -> None:
        notices.append(notice)
        told.at(shown(notice))

    with tempfile.TemporaryDirectory() as folder, receiver(take) as url, stack_at(Path(folder)) as stack:
        hook = [{"url": url, "secret": SECRET}]
        rules = Path(folder) / "rules.yaml"
        rules.write_text(yaml.safe_dump({"rules": [scene.rule | {"webhooks": hook} for scene in SCENES]}))
        rules.chmod(0o600)
        stack.store()
        stack.collector(
            "--rules", str(rules), "--notify-allow", "127.0.0.1", "--dashboard-url", "http://localhost:8501"
        )
        stack.wait_migrated()
        os.environ["OTEL_SERVICE_NAME"] = "shop"
        llmtrace.instrument(endpoint=stack.http_url)
        app = App(Random(7))
        told.began = time.monotonic()
        play(app, told, notices)
        app.close()
        wrong = verdicts(notices)
        told.say()
        for line in wrong or ["Each rule fired once, was explained by what had been done, and resolved."]:
            told.say(line)
    if given.transcript:
        given.transcript.write_text("\n".join(told.lines) + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
