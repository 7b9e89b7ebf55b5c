"""One store with seeded rows, and one app on it, for all tests of the app."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from llmtrace_collector.access import Scope
from llmtrace_collector.access.register import Register
from llmtrace_collector.folder import DataFolder
from llmtrace_collector.schema.migrate import migrate
from llmtrace_dashboards import database
from llmtrace_dashboards.collector import Collector
from support.app import Seeded, alerts, app_command, owner
from support.browser import chromium, require_chromium
from support.seed import make, millis
from support.services import Process, Stack, free_ports, stack_at
from support.waiting import wait_for
from watch.helpers import SECRET
from watch.test_collector_killed import overspend


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


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, str]]:
    """A collector whose rule fires for the user alice, and the text of a key for `admin`."""
    folder = tmp_path_factory.mktemp("acting")
    (folder / "secret").write_text(SECRET)
    (port,) = free_ports(1)  # nobody listens: whether a notice arrives is not what is asked here
    (folder / "rules.yaml").write_text(
        f"channels: {{webhook: {{url: 'http://127.0.0.1:{port}/', secret_file: secret}}}}\n"
        "default_channel: webhook\n"
        "rules: [{name: daily-cap, kind: spend, group_by: [user], window: 24h, limit_usd: 5}]\n"
    )
    with stack_at(folder) as stack:
        stack.store()
        options = ["--rules", str(folder / "rules.yaml"), "--notify-allow", "127.0.0.1", "--watch-interval", "0.2"]
        stack.collector(*options)
        stack.wait_migrated()
        register = Register(DataFolder(stack.data))
        _, key = register.create(name="app", project="default", scopes={Scope.ADMIN}, who="me")
        overspend(stack)
        asked = Collector.of(stack.http_url, key)
        wait_for(lambda: [one for one in alerts(asked) if one["state"] == "firing"], what="the alert")
        yield stack, key


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
