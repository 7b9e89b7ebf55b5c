"""What the tests of the watch share: a virtual clock, requests as received, the engine, rules."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from standardwebhooks import Webhook as Verifier

from llmtrace_collector.channels import Allowed, Channel, Gateway, Sender, Webhook
from llmtrace_collector.channels.signing import key_of
from llmtrace_collector.errors import StoreDownError
from llmtrace_collector.watch import Watch
from llmtrace_collector.watch.conditions import Spend
from llmtrace_collector.watch.patience import Patience
from llmtrace_collector.watch.rule import Rule

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four!").decode()
NOON = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


class Clock:
    """The virtual clock."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def kind(self) -> str:
        return self.json["type"]

    def verify(self, secret: str = SECRET) -> None:
        """By the reference implementation; our clock is virtual, so the tolerance is checked against its own."""
        Verifier(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """An HTTP server on a real socket; `answers` are used up one by one, then it says 204."""

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    before_answer: Callable[[Request], None] = lambda _: None

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def kinds(self) -> list[str]:
        return [request.kind for request in self.requests]


class Engine:
    """The embedded ClickHouse of this process; `down` makes connections fail, as the network does."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.down = False
        self.connections = 0

    def connect(self) -> Any:
        self.connections += 1
        if self.down:
            raise StoreDownError("ClickHouse at http://127.0.0.1:8123 does not take it: connection refused")
        return self.client

    def spend(self, at: datetime, dollars: str, *, user: str = "", model: str = "gpt-5", project: str = "shop") -> None:
        row = [project, at.replace(second=0, microsecond=0), model, user, 1, Decimal(dollars)]
        names = ["project", "minute", "model", "user_id", "calls", "cost_usd"]
        self.client.insert("spend_1m", [row], column_names=names)

    def calls(self, at: datetime, count: int = 1, **columns: Any) -> None:
        """So many calls that begin at `at`, through the views that fill the rollups."""
        own = {
            "project": "shop",
            "timestamp": at,
            "name": "chat",
            "is_call": True,
            "model": "gpt-5",
            "duration_ns": 10**9,
            "status_code": "UNSET",
            "sampling_weight": 1.0,
        } | columns
        if "cost_usd" in own:
            own["cost_usd"] = Decimal(own["cost_usd"])
        rows = [
            [
                os.urandom(16).hex(),
                os.urandom(8).hex(),
                *(v[n % len(v)] if isinstance(v, tuple) else v for v in own.values()),
            ]
            for n in range(count)
        ]
        self.client.insert("spans", rows, column_names=["trace_id", "span_id", *own])

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return list(self.client.query(sql).named_results())


def local_sender(*, timeout_s: float = 15.0) -> Sender:
    """The network with loopback allowed, where the tests' receivers are."""
    return Sender(Gateway(Allowed.parse("127.0.0.0/8")), timeout_s=timeout_s)


def rule(
    *urls: str,
    channels: tuple[Channel, ...] = (),
    name: str = "daily-cap",
    limit: str = "5",
    group_by: tuple[str, ...] = ("user",),
    window: timedelta = timedelta(hours=24),
    hold: timedelta = timedelta(0),
) -> Rule:
    webhooks = tuple(Webhook(url=url, keys=(key_of(SECRET),)) for url in urls)
    condition = Spend(window=window, limit_usd=Decimal(limit))
    return Rule(
        name=name, condition=condition, group_by=group_by, patience=Patience(hold=hold), channels=webhooks + channels
    )


def run(watch: Watch) -> int:
    """One round, as the threads would make it; how many alerts moved."""
    moved = watch.evaluate_once()
    watch.deliver_due()
    watch.mirror_once()
    return moved
