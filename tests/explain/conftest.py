"""A real engine, emptied for each test."""

from __future__ import annotations

from typing import Any

import pytest

from explain.calls import Store


@pytest.fixture
def store(engine_client: Any) -> Store:
    engine_client.command("TRUNCATE TABLE spans")
    return Store(engine_client)
