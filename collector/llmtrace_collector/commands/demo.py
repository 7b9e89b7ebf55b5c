"""`llmtrace demo`: everything `up` starts, with traffic, a budget that fires and a webhook receiver that checks it.

player (real openai client) -> local server that speaks the OpenAI API
   └ spans -> collector -> store -> rule -> webhook -> receiver here: signature verified, body printed
"""

from __future__ import annotations

import argparse
import base64
import json
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from llmtrace_collector.commands.terminal import guarded, say
from llmtrace_collector.commands.up import stop_on_signals, supervise
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.options import Options, default_data, parse

_APP_NAME = "llmtrace-demo"
_BUDGET_USD = 0.05
_UNTIL_STOPPED_S = 1e9
_WEBHOOK_GRACE_S = 20.0
"""After the traffic has ended: for the last spans to be stored and judged."""


def main(argv: Sequence[str]) -> int:
    """Runs the demo; 0 when a webhook arrived and its signature was right."""
    parser = argparse.ArgumentParser(
        prog="llmtrace demo", description="Start everything, play traffic, fire one budget, receive its webhook."
    )
    parser.add_argument("--duration", type=_seconds, default=None, metavar="SECONDS", help="end by itself after this")
    return guarded("demo", lambda: _run(*parse(argv, parser, app_name=_APP_NAME)))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f'"{text}" is not a duration; write seconds, like 30')
    return value


def _run(options: Options, given: argparse.Namespace) -> int:
    if options.data == default_data(_APP_NAME):
        _clear(options.data)
    folder = DataFolder(options.data)
    fresh = not folder.watch.exists()
    (folder.path / "DEMO").touch()
    with WebhookReceiver() as receiver:
        allow = ",".join(filter(None, (options.notify_allow, "127.0.0.1")))
        rules = _rules_file(folder.path, options, receiver, fresh=fresh)
        options = replace(options, rules=rules, notify_allow=allow)
        stop = stop_on_signals()
        supervisor = supervise(options, watch_interval_s=1.0)
        player: subprocess.Popen[bytes] | None = None
        try:
            supervisor.start(stop)
            if stop.is_set():
                return 0
            player = _play(options, given.duration)
            say(f"{'demo':<10} playing calls of a real openai client; the budget of ${_BUDGET_USD} per user fires soon")
            if not options.no_dashboard:
                say(f"{'demo':<10} see them come in at {options.dashboard_url}/?r=15m&live=1")
            while not stop.wait(0.25) and player.poll() is None:
                supervisor.check()
            if given.duration and not stop.is_set():
                receiver.arrived.wait(_WEBHOOK_GRACE_S)
        finally:
            if player is not None:
                _end(player)
            say(f"{'demo':<10} stopping")
            supervisor.stop()
    return _verdict(receiver, asked_to_stop=stop.is_set())


def _clear(folder: Path) -> None:
    """Begins the demo's own folder anew, so that its budget fires each time; only a folder with the demo's mark."""
    if (folder / "DEMO").exists():
        shutil.rmtree(folder)


def _rules_file(folder: Path, options: Options, receiver: WebhookReceiver, *, fresh: bool) -> Path:
    """The user's rules, if any, and the demo's budget, in a file of mode 0600 (it holds the webhook's secret)."""
    name = "demo-budget" if fresh else f"demo-budget-{int(time.time())}"
    budget = {
        "name": name,
        "kind": "spend",
        "group_by": ["user"],
        "window": "1h",
        "limit_usd": _BUDGET_USD,
        "for": "0s",
        "webhooks": [{"url": receiver.url, "secret": receiver.secret}],
    }
    file = folder / "demo-rules.yaml"
    file.touch(mode=0o600)
    own = own_rules(options.rules)
    content = own | {"rules": [*(own.get("rules") or []), budget]}
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def own_rules(path: Path | None) -> dict[str, Any]:
    """What the user's rule file says, files of secrets by their whole path: it is copied to another folder."""
    if path is None:
        return {}
    try:
        content = dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        return {key: _with_whole_paths(value, path.absolute().parent) for key, value in content.items()}
    except (OSError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise ConfigError(f"the rule file {path} cannot be read: {error}") from error


def _with_whole_paths(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_with_whole_paths(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: str(folder / item)
        if str(key).endswith("_file") and isinstance(item, str)
        else _with_whole_paths(item, folder)
        for key, item in value.items()
    }


def _play(options: Options, duration_s: float | None) -> subprocess.Popen[bytes]:
    arguments = ["--collector-url", f"http://127.0.0.1:{options.http_port}"]
    arguments += ["--duration", str(duration_s or _UNTIL_STOPPED_S)]
    return subprocess.Popen(
        [sys.executable, "-m", "llmtrace_collector.supervised", "llmtrace.demo", *arguments], stdin=subprocess.PIPE
    )


def _end(player: subprocess.Popen[bytes]) -> None:
    player.terminate()
    try:
        player.wait(15)
    except subprocess.TimeoutExpired:
        player.kill()
        player.wait()
    if player.stdin:
        player.stdin.close()


def _verdict(receiver: WebhookReceiver, *, asked_to_stop: bool) -> int:
    say(f"{'demo':<10} {receiver.verified} webhooks received and verified, {receiver.rejected} rejected")
    return 0 if asked_to_stop or receiver.verified else 1


class WebhookReceiver:
    """A receiver on loopback as a user would write one: verifies the Standard Webhooks signature, then believes."""

    def __init__(self) -> None:
        self.secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self.arrived = threading.Event()
        self.verified = 0
        self.rejected = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(204 if receiver.take(body, dict(self.headers.items())) else 401)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Keeps requests off the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/llmtrace"

    def take(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Verifies one delivery and prints it; False when the signature is wrong."""
        from standardwebhooks import Webhook, WebhookVerificationError

        try:
            Webhook(self.secret).verify(body, {name.lower(): value for name, value in headers.items()})
        except WebhookVerificationError as error:
            self.rejected += 1
            say(f"{'webhook':<10} REJECTED: {error}")
            return False
        self.verified += 1
        message = json.loads(body)
        say(f"{'webhook':<10} {message['type']}, signature verified:")
        say(json.dumps(message, indent=2))
        self.arrived.set()
        return True

    def __enter__(self) -> WebhookReceiver:
        threading.Thread(target=self._server.serve_forever, name="webhooks", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
