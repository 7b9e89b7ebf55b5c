"""For all tests: properties are judged by what holds, and a process has one engine, as the engine itself wants it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

# On top of what is loaded already: in CI that is hypothesis' own profile, which draws the same examples each time. An
# example is never judged by how long it took on a busy machine.
settings.register_profile("untimed", parent=settings.get_profile(settings.get_current_profile_name()), deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def engine_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of the engine inside this process, with the tables: chDB opens one folder a process, and no other.

    Who uses it empties the tables first that it reads.
    """
    import clickhouse_connect

    from llmtrace_collector.schema.migrate import migrate

    client = clickhouse_connect.get_client(interface="chdb", path=str(tmp_path_factory.mktemp("engine")))
    migrate(client)
    yield client
    client.close()
