"""Notices and channels for tests."""

from __future__ import annotations

import json
from typing import Any

from llmtrace_collector.channels import (
    Alertmanager,
    Channel,
    Discord,
    Email,
    Notice,
    Opsgenie,
    PagerDuty,
    Slack,
    Teams,
    Webhook,
)
from llmtrace_collector.channels.message import Security, Server
from llmtrace_collector.channels.notice import read
from llmtrace_collector.channels.signing import key_of

SECRET = "whsec_YSBzZWNyZXQgb2YgdHdlbnR5LWZvdXIh"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"


def body(told: str = "alert.firing", *, group: dict[str, str] | None = None, **more: Any) -> bytes:
    data: dict[str, Any] = {
        "rule": "user-daily-cap",
        "kind": "spend",
        "group": {"user": "alice"} if group is None else group,
        "state": told.partition(".")[2],
        "reason": "over_limit",
        "value": 5.25,
        "limit": 5,
        "window_s": 86_400,
        "since": "2026-11-22T12:00:30.000Z",
        "link": "http://127.0.0.1:8501/traces?from=1795262400000&to=1795348830000&user=alice",
    }
    content = {"type": told, "timestamp": "2026-11-22T12:10:30.000Z", "data": data | more}
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def notice(told: str = "alert.firing", **more: Any) -> Notice:
    return read("msg_0123456789abcdef", body(told, **more))


def channels(url: str = "https://hooks.example.com") -> dict[str, Channel]:
    """One of each kind, all at `url`."""
    keys = (key_of(SECRET),)
    made: list[Channel] = [
        Webhook(name="webhook", url=f"{url}/webhook", keys=keys),
        Slack(name="slack", url=f"{url}/slack"),
        Discord(name="discord", url=f"{url}/discord"),
        Teams(name="teams", url=f"{url}/teams"),
        PagerDuty(name="pagerduty", url=f"{url}/pagerduty", routing_key=ROUTING_KEY),
        Opsgenie(name="opsgenie", url=f"{url}/opsgenie", api_key="genie-key"),
        Alertmanager(name="alertmanager", url=f"{url}/alertmanager", keys=keys),
    ]
    return {channel.name: channel for channel in made}


def email(port: int = 25, *, security: Security = Security.NONE, host: str = "127.0.0.1", **login: str) -> Email:
    server = Server(host=host, port=port, security=security, **login)
    return Email(name="email", server=server, sender="llmtrace@example.com", recipients=("on-call@example.com",))
