"""The app on a seeded store, as tests of the app start it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from llmtrace_collector.database import Address, connect
from llmtrace_collector.store.users import OWNER
from llmtrace_dashboards.collector import Collector, CollectorError
from support.seed import Seed
from support.services import Stack


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """A running store and what is in it."""

    stack: Stack
    seed: Seed
    now_ms: int
    """The minute the seed was made for."""


def app_command(stack: Stack) -> list[str]:
    """Starts the app on the store of `stack`, as a stranger."""
    return ["llmtrace_dashboards", "--clickhouse", stack.store_url, "--port", str(stack.dashboard_port)]


def owner(stack: Stack) -> Any:
    """A client with the store's key, before there is a database to be in."""
    key = (stack.data / "store.key").read_text()
    return connect(Address(host="127.0.0.1", port=stack.store_port, username=OWNER, password=key), database=None)


def alerts(asked: Collector) -> list[dict[str, Any]]:
    """Those that a collector knows; none while it has not begun to look."""
    try:
        return list(asked.ask("GET", "alerts")["alerts"])
    except CollectorError:
        return []
