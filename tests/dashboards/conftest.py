"""One store with seeded rows, and one app on it, for all tests of the app."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from llmtrace_collector.schema.migrate import migrate
from llmtrace_dashboards import database
from support.app import Seeded, app_command, owner
from support.browser import chromium, require_chromium
from support.seed import make, millis
from support.services import Process, stack_at


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seeded]:
    with stack_at(tmp_path_factory.mktemp("app")) as stack:
        stack.store()
        client = owner(stack)
        migrate(client)
        now = datetime.now(UTC)
        seed = make(now)
        seed.insert(client)
        yield Seeded(stack=stack, seed=seed, now_ms=millis(now.replace(second=0, microsecond=0)))


@pytest.fixture
def store(seeded: Seeded) -> Seeded:
    """The seeded store, as the one this process reads: as a stranger, like the app."""
    database.use(database.Address(port=seeded.stack.store_port))
    return seeded


@pytest.fixture(scope="session")
def app(seeded: Seeded) -> Iterator[str]:
    """The URL of a running app on the seeded store."""
    require_chromium()
    process = Process.start(app_command(seeded.stack), seeded.stack.folder / "app.log")
    try:
        process.wait_answer(f"{seeded.stack.dashboard_url}/_stcore/health")
        yield seeded.stack.dashboard_url
    finally:
        process.clean_up()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """A browser for one file: while it runs, Playwright keeps an event loop running in this thread."""
    with chromium() as running:
        yield running
