"""What panels of a page share: asked once, by the side where that is early enough."""

from __future__ import annotations

from datetime import UTC

import pytest

from llmtrace_dashboards import database
from llmtrace_dashboards.panels.current import Current
from llmtrace_dashboards.queries import calls
from llmtrace_dashboards.state.ranges import ending_at
from llmtrace_dashboards.state.view import View
from llmtrace_dashboards.theme import LIGHT
from support.app import Seeded
from support.services import free_ports


def at(now_ms: int) -> Current:
    window = ending_at(now_ms, "24h")
    return Current(view=View(), window=window, now_ms=now_ms, zone=UTC, zone_name="UTC", palette=LIGHT)


@pytest.mark.parametrize("early", [True, False])
def test_what_two_panels_need_is_asked_once_and_noted_for_both(store: Seeded, early: bool) -> None:
    current = at(store.now_ms)
    query, times = calls.totals(current.view, current.window), []

    def ask() -> list[dict[str, object]]:
        times.append(1)
        return database.rows(query)

    if early:
        current.ahead("totals", ask)
    for _ in range(2):
        with database.noting() as noted:
            found = current.once("totals", ask)
        assert noted == [query]
        assert found == database.rows(query)
    assert len(times) == 1


@pytest.mark.parametrize("early", [True, False])
def test_a_failure_is_told_and_the_next_time_it_is_asked_again(store: Seeded, early: bool) -> None:
    current = at(store.now_ms)
    query = calls.totals(current.view, current.window)

    def ask() -> list[dict[str, object]]:
        return database.rows(query)

    database.use(database.Address(port=free_ports(1)[0]))
    if early:
        current.ahead("totals", ask)
    with pytest.raises(database.StoreDownError):
        current.once("totals", ask)
    database.use(database.Address(port=store.stack.store_port))
    assert current.once("totals", ask)
