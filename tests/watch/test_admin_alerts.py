"""The admin API of alerts, on a real collector that is killed meanwhile: what people asked for holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from llmtrace_collector.access import Scope
from llmtrace_collector.access.register import Register
from llmtrace_collector.folder import DataFolder
from support.services import Stack, stack_at
from support.waiting import wait_for
from watch.helpers import SECRET, Receiver
from watch.test_collector_killed import overspend

pytestmark = pytest.mark.processes


class Api:
    def __init__(self, stack: Stack, key: str) -> None:
        self._url = f"{stack.http_url}/api/v1"
        self._headers = {"authorization": f"Bearer {key}"}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        answer = httpx2.request(method, f"{self._url}/{path}", json=body, headers=self._headers | headers, timeout=30)
        return answer.status_code, answer.json()


def test_what_people_ask_holds_over_a_kill_and_is_audited(tmp_path: Path, receiver: Receiver) -> None:
    """A silence, an acknowledgement, repeats that are due, and who asked for what."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "rules.yaml").write_text(
        f"channels: {{webhook: {{url: '{receiver.url()}', secret_file: secret}}}}\n"
        "default_channel: webhook\n"
        "route: {repeat_interval: 1m}\n"
        "rules: [{name: daily-cap, kind: spend, group_by: [user], window: 24h, limit_usd: 5}]\n"
    )
    options = ["--rules", str(tmp_path / "rules.yaml"), "--notify-allow", "127.0.0.1", "--watch-interval", "0.2"]
    with stack_at(tmp_path) as stack:
        stack.store()
        collector = stack.collector(*options)
        stack.wait_migrated()
        register = Register(DataFolder(stack.data))
        key, text = register.create(name="app", project="default", scopes={Scope.OPERATE}, who="me")
        _, sending = register.create(name="sender", project="default", scopes={Scope.INGEST}, who="me")
        api, stranger = Api(stack, text), Api(stack, sending)
        wait_for(lambda: api("GET", "alerts")[0] == 200)
        assert stranger("GET", "alerts")[0] == 403
        assert Api(stack, "nothing")("GET", "silences")[0] == 401
        assert api("GET", "keys")[0] == 403
        asked = {"matchers": ["user=bob"], "for": "2h", "reason": "known"}
        status, silence = api("POST", "silences", asked, **{"x-llmtrace-actor": "Eve"})
        assert (status, silence["who"]) == (201, f"key:{key.id} as Eve")
        overspend(stack)
        wait_for(lambda: receiver.requests, what="the notice")
        assert api("POST", "acknowledgements", {"matchers": ["user=nobody"], "reason": "x"})[0] == 400
        status, done = api("POST", "acknowledgements", {"matchers": ["rule=daily-cap"], "reason": "on it"})
        assert (status, done["acknowledged"][0]["group"]) == (200, {"user": "alice"})
        collector.kill()
        collector = stack.collector(*options)
        wait_for(lambda: api("GET", "alerts")[0] == 200)
        [alert] = api("GET", "alerts")[1]["alerts"]
        assert alert["quiet"] == f"acknowledged by key:{key.id}: on it"
        assert [one["id"] for one in api("GET", "silences")[1]["silences"]] == [silence["id"]]
        assert api("DELETE", f"silences/{silence['id']}") == (200, {"id": silence["id"], "ended": True})
        assert api("DELETE", f"silences/{silence['id']}")[0] == 404
        assert api("GET", "silences")[1] == {"silences": []}
        rows = "SELECT action, who FROM audit_log WHERE action NOT LIKE 'key%' ORDER BY at"
        wait_for(lambda: len(stack.reader().query(rows).result_rows) == 3, what="the audit log")
        assert [tuple(row) for row in stack.reader().query(rows).result_rows] == [
            ("silence.create", f"key:{key.id} as Eve"),
            ("alert.acknowledge", f"key:{key.id}"),
            ("silence.end", f"key:{key.id}"),
        ]
        for body, told in WRONG:
            status, said = api("POST", "silences", body)
            assert (status, told in said["message"]) == (400, True), said
        assert collector.popen.poll() is None
    assert len(receiver.requests) == 1


WRONG: list[tuple[Any, str]] = [
    ({"matchers": [], "for": "2h", "reason": "x"}, "matchers: write 1 to 20"),
    ({"matchers": "user=a", "for": "2h", "reason": "x"}, "matchers: write a list of texts"),
    ({"matchers": ["user"], "for": "2h", "reason": "x"}, "user"),
    ({"matchers": ["user=a"], "reason": "x"}, "a silence has an end"),
    ({"matchers": ["user=a"], "for": "soon", "reason": "x"}, '"soon" is not a duration'),
    ({"matchers": ["user=a"], "until": "tomorrow", "reason": "x"}, '"tomorrow" is not a time'),
    ({"matchers": ["user=a"], "until": "2020-01-01T00:00Z", "reason": "x"}, "is over already"),
    ({"matchers": ["user=a"], "for": "9999d", "reason": "x"}, "within a year"),
    ({"matchers": ["user=a"], "for": "2h", "reason": " "}, "reason: write one line"),
    ({"matchers": ["user=a"], "for": "2h", "reason": 3}, "reason: write a text"),
    ({"matchers": ["user=a"], "for": "2h", "reason": "x", "why": "y"}, '"why" is not a field'),
    ([], "not a JSON object"),
]
