"""The app of `llmtrace up` changes things from the first minute: its key is made, kept, and opens nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmtrace_collector.access.app_key import app_key
from llmtrace_collector.access.register import Register
from llmtrace_collector.errors import ConfigError
from llmtrace_collector.folder import DataFolder
from llmtrace_dashboards.collector import Collector, CollectorError
from support.browser import page_on
from support.otlp import post, request, span
from support.services import Process, Stack, free_ports, stack_at
from support.waiting import wait_for
from watch.helpers import SECRET
from watch.test_collector_killed import overspend

from .test_access import ask

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.processes

TOKEN = "a token for people of this machine"


def with_rule(stack: Stack, *more: str) -> Process:
    """`llmtrace up` with a rule that fires for the user alice."""
    (stack.folder / "secret").write_text(SECRET)
    (port,) = free_ports(1)  # nobody listens: whether a notice arrives is not what is asked here
    rules = stack.folder / "rules.yaml"
    rules.write_text(
        f"channels: {{webhook: {{url: 'http://127.0.0.1:{port}/', secret_file: secret}}}}\n"
        "default_channel: webhook\n"
        "rules: [{name: daily-cap, kind: spend, group_by: [user], window: 24h, limit_usd: 5}]\n"
    )
    return stack.up("--rules", str(rules), "--notify-allow", "127.0.0.1", *more)


def audited(stack: Stack) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (stack.data / "audit.jsonl").read_text().splitlines()]


def command_lines() -> str:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text(errors="replace"))
        except OSError:
            continue
    return "\n".join(found)


def test_an_alert_is_acknowledged_in_the_first_minute_of_up_and_the_audit_says_by_whom(
    browser: Browser, tmp_path: Path
) -> None:
    """Nobody made a key: senders still need none, its text is in one file and in no log or command line."""
    from playwright.sync_api import expect

    with stack_at(tmp_path, LLMTRACE_DASHBOARD_TOKEN=TOKEN) as stack:
        up = with_rule(stack)
        stack.wait_migrated()
        overspend(stack)
        kept = stack.data / "app.key"
        key = kept.read_text()
        assert kept.stat().st_mode & 0o777 == 0o600
        assert key not in command_lines()
        asked = Collector.of(stack.http_url, key)
        wait_for(lambda: [one for one in asked.ask("GET", "alerts")["alerts"] if one["state"] == "firing"], 60)
        assert post(f"{stack.http_url}/v1/traces", request(span()))[0] == 200
        with page_on(browser, stack.dashboard_url) as page:
            page.goto(f"{stack.dashboard_url}/alerts")
            page.get_by_label("Token").fill(TOKEN)
            page.keyboard.press("Enter")
            page.get_by_label("What is being done").fill("on it")
            page.get_by_label("What is being done").press("Enter")
            expect(page.get_by_text("The alert is acknowledged.")).to_be_visible()
        assert up.stop() == 0
        made, acknowledged = audited(stack)
        assert (made["action"], made["detail"]) == ("key.create", "the app of llmtrace up (admin)")
        assert acknowledged["who"] == f"key:{made['subject']} as admin"
        logs = "".join(file.read_text() for file in (stack.data / "logs").iterdir())
        assert key not in up.output + logs


def test_the_key_of_the_app_is_made_once_and_comes_back_only_when_asked_for(tmp_path: Path) -> None:
    """A restart takes the same; one that was revoked stays so; a folder whose keys are others gets a new one."""
    folder = DataFolder(tmp_path / "data")
    first = app_key(folder, who="me")
    assert app_key(folder, who="me") == first
    (key,) = Register(folder).all()
    assert not {"ingest", "read"} & set(key.scopes)
    Register(folder).revoke(key.id, who="me")
    assert app_key(folder, who="me") == ""
    (folder.path / "app.key").unlink()
    assert app_key(folder, who="me") not in {first, ""}
    (folder.path / "keys.json").unlink()
    assert Register(folder).all() == []
    again = app_key(folder, who="me")
    assert [key.matches(again) for key in Register(folder).all()] == [True]


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [(b"x", 0o600, "holds no key"), (b"\xff", 0o600, "cannot be read"), (b"x", 0o604, "others can read")],
)
def test_a_key_file_of_the_app_that_is_none_is_one_sentence(
    tmp_path: Path, content: bytes, mode: int, told: str
) -> None:
    """It says what to do."""
    folder = DataFolder(tmp_path)
    file = tmp_path / "app.key"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(ConfigError, match=rf"{told}.*delete"):
        app_key(folder, who="me")
    assert Register(folder).all() == []


def test_a_revoked_key_is_told_at_the_start_and_an_empty_one_given_is_left_so(tmp_path: Path) -> None:
    """The app then only reads."""
    with stack_at(tmp_path) as stack:
        folder = DataFolder(stack.data)
        app_key(folder, who="me")
        (key,) = Register(folder).all()
        Register(folder).revoke(key.id, who="me")
        up = stack.up()
        assert "only reads, for its key was revoked: delete" in up.output
        assert up.stop() == 0
        (stack.data / "app.key").unlink()
        stack.environ["LLMTRACE_ADMIN_KEY"] = ""
        assert stack.up().stop() == 0
        assert not (stack.data / "app.key").exists()


def test_where_others_reach_the_app_of_up_it_makes_a_token_in_the_data_folder(tmp_path: Path) -> None:
    """One line names the file; under a name that was given, the token in it lets in."""
    with stack_at(tmp_path) as stack:
        up = stack.up("--dashboard-host", "0.0.0.0", "--dashboard-names", "llmtrace.example.org, other.example.org")
        kept = stack.data / "dashboard-token"
        assert f":{stack.dashboard_port}  open this in a browser; log in with the token in {kept}" in up.output
        assert kept.stat().st_mode & 0o777 == 0o600
        token = kept.read_text().strip()
        assert ask(stack.dashboard_url, "/traces").status == 401
        host = f"other.example.org:{stack.dashboard_port}"
        answer = ask(stack.dashboard_url, "/login", method="POST", body=f"token={token}", Host=host)
        assert answer.status == 303
        assert ask(stack.dashboard_url, "/login", Host="evil.example").status == 403
        assert token not in command_lines()
        assert up.stop() == 0
        assert token not in up.output + (stack.data / "logs" / "dashboard.log").read_text()


def test_over_tls_the_app_knows_its_collector_by_its_certificate_alone(tmp_path: Path) -> None:
    """Whatever names stand in it; another's at that port does not get the key."""
    for name in ("ours", "other"):
        words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        words += ["-subj", "/CN=otel.example.org", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True)
    (status,) = free_ports(1)
    with stack_at(tmp_path) as stack:
        files = ["--tls-cert", str(tmp_path / "ours.pem"), "--tls-key", str(tmp_path / "ours.key")]
        stack.up(*files, "--status-port", str(status), "--no-dashboard")
        key = app_key(DataFolder(stack.data), who="me")
        url = f"https://127.0.0.1:{stack.http_port}"
        assert Collector.of(url, key, tmp_path / "ours.pem").ask("GET", "silences") == {"silences": []}
        for certificate in (tmp_path / "other.pem", None):
            with pytest.raises(CollectorError, match="certificate"):
                Collector.of(url, key, certificate).ask("GET", "silences")
