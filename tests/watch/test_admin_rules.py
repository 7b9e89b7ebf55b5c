"""The admin API of rules, on a real collector of several processes that is killed meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import yaml

from llmtrace_collector.access import Scope
from llmtrace_collector.access.register import Register
from llmtrace_collector.folder import DataFolder
from support.services import stack_at
from support.waiting import wait_for
from watch.helpers import SECRET, Receiver
from watch.test_admin_alerts import Api
from watch.test_collector_killed import overspend

pytestmark = pytest.mark.processes

CAP = {"kind": "spend", "group_by": ["user"], "window": "24h", "limit_usd": 5}
HOSTILE = "a/../b?c=<script>alert(1)</script> \u00e9\u4e2d; DROP TABLE spans --"


def test_rules_are_edited_by_several_processes_and_hold_over_a_kill(tmp_path: Path, receiver: Receiver) -> None:
    """Each request is its own connection, so that both receivers are met."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "rules.yaml").write_text(
        f"channels: {{webhook: {{url: '{receiver.url()}', secret_file: secret}}}}\n"
        "default_channel: webhook\n"
        "rules: [{name: of-the-file, kind: spend, window: 24h, limit_usd: 500}]\n"
    )
    options = ["--rules", str(tmp_path / "rules.yaml"), "--notify-allow", "127.0.0.1", "--watch-interval", "0.2"]
    options += ["--receivers", "2"]
    with stack_at(tmp_path) as stack:
        stack.store()
        collector = stack.collector(*options)
        stack.wait_migrated()
        register = Register(DataFolder(stack.data))
        key, text = register.create(name="app", project="default", scopes={Scope.ADMIN}, who="me")
        _, less = register.create(name="desk", project="default", scopes={Scope.OPERATE}, who="me")
        api, operator = Api(stack, text), Api(stack, less)
        wait_for(lambda: operator("GET", "rules")[0] == 200)
        assert operator("PUT", "rules/cap", CAP)[0] == 403
        assert operator("DELETE", "rules/cap")[0] == 403
        assert Api(stack, "nothing")("GET", "rules")[0] == 401

        overspend(stack)
        status, made = api("PUT", "rules/daily%20cap", CAP, **{"x-llmtrace-actor": "Eve"})
        assert (status, made["name"], made["edited_by"]) == (201, "daily cap", f"key:{key.id} as Eve")
        wait_for(lambda: receiver.requests, what="the notice of an edited rule")
        assert receiver.requests[0].json["data"]["rule"] == "daily cap"
        assert api("PUT", "rules/daily%20cap", CAP | {"limit_usd": 4})[0] == 200
        assert api("PUT", f"rules/{quote(HOSTILE, safe='')}", CAP)[0] == 201
        wait_for(lambda: len(receiver.requests) == 2, what="the notice of the rule with a hostile name")
        for name, body, code, told in WRONG:
            status, said = api("PUT", f"rules/{name}", body)
            assert (status, told in said["message"]) == (code, True), said

        collector.kill()
        collector = stack.collector(*options)
        wait_for(lambda: api("GET", "rules")[0] == 200)
        for _ in range(4):  # whichever process answers
            found = operator("GET", "rules")[1]
            assert [(each["name"], each["source"]) for each in found["rules"]] == [
                ("of-the-file", "file"),
                (HOSTILE, "edited"),
                ("daily cap", "edited"),
            ]
            assert (found["file"], found["file_problem"], found["channels"]) == ("rules.yaml", "", ["webhook"])
        headers = {"authorization": f"Bearer {less}"}
        exported = httpx2.get(f"{stack.http_url}/api/v1/rules/export", headers=headers)
        assert exported.headers["content-type"] == "application/yaml"
        assert [rule["name"] for rule in yaml.safe_load(exported.text)["rules"]] == [HOSTILE, "daily cap"]
        for _ in range(2):
            status, tried = operator("POST", "rules/backtest", {"rule": CAP, "from": _minutes_ago(5)})
            assert (status, tried["complete"], tried["changes"][0]["group"]) == (200, True, {"user": "alice"})
        assert api("POST", "silences", {"matchers": ["user=bob"], "for": "1h", "reason": "known"})[0] == 201
        answers = [found, tried, operator("GET", "alerts")[1], operator("GET", "silences")[1]]
        page = (Path(__file__).parents[2] / "docs" / "reference" / "admin-api.md").read_text(encoding="utf-8")
        assert [key for key in _keys(answers) if f'"{key}"' not in page] == []
        assert api("DELETE", f"rules/{quote(HOSTILE, safe='')}")[1] == {"name": HOSTILE, "deleted": True}
        assert api("DELETE", "rules/daily%20cap")[0] == 200
        wait_for(lambda: receiver.kinds().count("alert.resolved") == 2, what="the ends of the deleted rules' alerts")
        assert api("DELETE", "rules/daily%20cap")[0] == 404
        assert api("DELETE", "rules/of-the-file")[0] == 409
        for method, path in (("POST", "rules"), ("GET", "rules/cap"), ("PUT", "rules"), ("GET", "rulesets")):
            assert api(method, path, {})[0] == 404

        rows = "SELECT action, who, subject FROM audit_log WHERE action LIKE 'rule%' ORDER BY at"
        wait_for(lambda: len(stack.reader().query(rows).result_rows) == 5, what="the audit log")
        assert [tuple(row) for row in stack.reader().query(rows).result_rows] == [
            ("rule.create", f"key:{key.id} as Eve", "daily cap"),
            ("rule.change", f"key:{key.id}", "daily cap"),
            ("rule.create", f"key:{key.id}", HOSTILE),
            ("rule.delete", f"key:{key.id}", HOSTILE),
            ("rule.delete", f"key:{key.id}", "daily cap"),
        ]
        # A backtest of fourteen days by the minute is under way in one of the processes when all of them are to stop.
        long = {"rule": CAP, "every": "1m"}
        with ThreadPoolExecutor(1) as pool:
            trying = pool.submit(operator, "POST", "rules/backtest", long)
            wait_for(lambda: list((stack.data / "tmp").glob("llmtrace-backtest-*")), what="a process that is busy")
            assert collector.stop() == 0
            status, tried = trying.result()
        assert (status, tried["complete"]) == (200, False)
        assert tried["evaluations"] < 20_000
    heard = {(request.id, request.kind, request.json["data"]["rule"]) for request in receiver.requests}
    assert sorted((rule, kind) for _, kind, rule in heard) == [
        (name, kind) for name in (HOSTILE, "daily cap") for kind in ("alert.firing", "alert.resolved")
    ]


WRONG = [
    ("cap", CAP | {"window": "5 minutes"}, 400, 'window: "5 minutes" is not a duration; write "5m"'),
    ("cap", CAP | {"webhooks": [{"url": "http://x", "secret_env": "HOME"}]}, 400, "stand in rule files alone"),
    ("cap", [], 400, "not a JSON object"),
    ("of-the-file", CAP, 409, '"of-the-file" is a rule of rules.yaml'),
    ("llmtrace.mine", CAP, 400, "begins with llmtrace."),
    ("cap", CAP | {"summary": "x" * 70_000}, 413, "larger than 65,536 bytes"),
]


def _keys(answer: Any) -> set[str]:
    """Those of an answer, but not of what users name: groups and labels."""
    if isinstance(answer, list):
        return {key for each in answer for key in _keys(each)}
    if not isinstance(answer, dict):
        return set()
    return {*answer, *(key for name in answer.keys() - {"rule", "group", "labels"} for key in _keys(answer[name]))}


def _minutes_ago(minutes: int) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
