"""A real engine, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import clickhouse_connect
import pytest

from explain.calls import Store
from llmtrace_collector.schema.migrate import migrate


@pytest.fixture(scope="session")
def session_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    client = clickhouse_connect.get_client(interface="chdb", path=str(tmp_path_factory.mktemp("engine")))
    migrate(client)
    yield client
    client.close()


@pytest.fixture
def store(session_client: Any) -> Store:
    session_client.command("TRUNCATE TABLE spans")
    return Store(session_client)
