"""What the tests of the instrument share: one fake provider, one client of each kind, and the spans of a test."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

os.environ["LLMTRACE_RAISE_INTERNAL_ERRORS"] = "1"

import openai
import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.util._once import Once

import llmtrace
from llmtrace import faults, instrumentation
from llmtrace.testing import Captured, FakeProvider
from support.collectors import Collector
from support.releases import missing_in_this_release
from support.scripted import Scripted

T = TypeVar("T")
KEPT = ("LLMTRACE_RAISE_INTERNAL_ERRORS", "LLMTRACE_REPLAY", "LLMTRACE_MATRIX")


class Traces:
    """The spans of one test, as the SDK has them."""

    def __init__(self) -> None:
        self.captured = Captured()
        self.provider = self.captured.provider

    def spans(self) -> list[ReadableSpan]:
        """Every span so far; waits for deferred work."""
        assert llmtrace.flush()
        self.provider.force_flush()
        return self.captured.finished()

    def one(self) -> ReadableSpan:
        """The one span there is."""
        (span,) = self.spans()
        return span

    def finished(self) -> list[ReadableSpan]:
        """Spans the exporter has now, without flushing."""
        return self.captured.finished()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """On an older release of the client, skip what it does not have: only `dev.py matrix` asks for that."""
    try:
        return (yield)
    except (AttributeError, TypeError) as error:
        if os.environ.get("LLMTRACE_MATRIX") == "1" and (missing := missing_in_this_release(error)):
            pytest.skip(missing)
        raise


@pytest.fixture(autouse=True)
def _clean_slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.startswith("OTEL_") or (name.startswith("LLMTRACE_") and name not in KEPT):
            monkeypatch.delenv(name)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER", None)
    monkeypatch.setattr(metrics._internal, "_METER_PROVIDER_SET_ONCE", Once())
    yield
    active = instrumentation._active
    if active is not None:
        active.worker.drain(5)
    faults.raise_deferred()  # a fault of ours fails the test, even one that never asked for its spans
    llmtrace.uninstrument()


@pytest.fixture
def make_traces() -> Callable[..., Traces]:
    """Instrument here, once the test has set the environment; arguments go to ``instrument``."""

    def make(**arguments: Any) -> Traces:
        made = Traces()
        llmtrace.instrument(made.provider, export="none", **arguments)
        return made

    return make


@pytest.fixture
def traces(make_traces: Callable[..., Traces]) -> Traces:
    """Spans of this test, instrumented."""
    return make_traces()


@pytest.fixture(scope="session")
def _fake_provider() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def fake(_fake_provider: FakeProvider) -> FakeProvider:
    """The provider, as new."""
    _fake_provider.reset()
    return _fake_provider


@pytest.fixture(scope="session")
def client(_fake_provider: FakeProvider) -> Iterator[openai.OpenAI]:
    """The sync client; no retries unless asked for."""
    with openai.OpenAI(base_url=_fake_provider.base_url, api_key="test", max_retries=0) as made:
        yield made


@pytest.fixture
def fake_and_client(fake: FakeProvider, client: openai.OpenAI) -> tuple[FakeProvider, openai.OpenAI]:
    """Both at once, for tests with many parameters."""
    return fake, client


@pytest.fixture(scope="session")
def scripted() -> Scripted:
    """Clients whose provider answers what the test lays out."""
    return Scripted()


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="session")
def async_client(_fake_provider: FakeProvider, runner: asyncio.Runner) -> Iterator[openai.AsyncOpenAI]:
    """The async client; use it inside ``run``."""
    made = openai.AsyncOpenAI(base_url=_fake_provider.base_url, api_key="test", max_retries=0)
    yield made
    runner.run(made.close())


@pytest.fixture
def run(runner: asyncio.Runner) -> Any:
    """Run a coroutine on the loop the async client lives on."""

    def run(coroutine: Coroutine[Any, Any, T]) -> T:
        return runner.run(coroutine)

    return run


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that takes everything."""
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def silent() -> Iterator[str]:
    """URL of a collector that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
