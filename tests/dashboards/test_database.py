"""Faults of the store become sentences that say what to do."""

from __future__ import annotations

import pytest

from llmtrace_dashboards import database
from llmtrace_dashboards.queries import surroundings
from llmtrace_dashboards.state.ranges import DAY_MS
from support.app import Seeded
from support.services import free_ports


@pytest.fixture(autouse=True)
def _restored() -> object:
    yield
    database.use(database.Address())


def test_nobody_answers() -> None:
    database.use(database.Address(port=free_ports(1)[0]))
    with pytest.raises(database.StoreDownError, match="does not answer"):
        database.rows(surroundings.last_span(DAY_MS))


def test_a_wrong_password_is_told_without_it(seeded: Seeded) -> None:
    database.use(database.Address(port=seeded.stack.store_port, user="llmtrace", password="not-the-key"))
    with pytest.raises(database.StoreRefusedError, match="user and password") as raised:
        database.rows(surroundings.last_span(DAY_MS))
    assert "not-the-key" not in str(raised.value)


def test_the_app_reads_as_a_stranger(store: Seeded) -> None:
    assert database.rows(surroundings.last_span(store.now_ms))[0]["spans"] == len(store.seed.spans)


def test_a_client_is_made_anew_after_the_store_was_away(seeded: Seeded) -> None:
    database.use(database.Address(port=free_ports(1)[0]))
    with pytest.raises(database.StoreDownError):
        database.rows(surroundings.last_span(DAY_MS))
    database.use(database.Address(port=seeded.stack.store_port))
    assert database.rows(surroundings.last_span(seeded.now_ms))
