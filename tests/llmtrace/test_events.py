"""Events of the GenAI conventions: where they go, what they tell, and that nobody waits for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import _logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.util._once import Once

import llmtrace
from llmtrace.any_values import MAX_DEPTH, any_value
from llmtrace.testing import FakeReply
from support.spans import attributes

DETAILS = "gen_ai.client.inference.operation.details"
EXCEPTION = "gen_ai.client.operation.exception"
ASK: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi there"}]}


class Events:
    """A logger provider of the app, and what came to it."""

    def __init__(self) -> None:
        self._memory = InMemoryLogRecordExporter()
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self._memory))

    def records(self) -> list[Any]:
        assert llmtrace.flush()
        return self.finished()

    def finished(self) -> list[Any]:
        return [data.log_record for data in self._memory.get_finished_logs()]


@pytest.fixture(autouse=True)
def _no_logger_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opentelemetry._logs._internal._LOGGER_PROVIDER", None)
    monkeypatch.setattr("opentelemetry._logs._internal._LOGGER_PROVIDER_SET_ONCE", Once())


@pytest.fixture
def events() -> Iterator[Events]:
    made = Events()
    yield made
    llmtrace.uninstrument()
    made.provider.shutdown()


def _again(traces: Any, **arguments: Any) -> None:
    llmtrace.uninstrument()
    llmtrace.instrument(traces.provider, **{"export": "none", "capture_content": "event_only", **arguments})


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_gives_one_event_with_structured_content_in_the_context_of_its_span(
    stream: bool, traces: Any, events: Events, fake: Any, client: Any
) -> None:
    _again(traces, logger_provider=events.provider)
    fake.plan = lambda _: FakeReply(tool=("find", {"order": "A-1"}))
    answer = client.chat.completions.create(**ASK, stream=stream)
    list(answer) if stream else None
    (record,) = events.records()
    span = traces.one()
    assert record.event_name == DETAILS
    assert (record.trace_id, record.span_id) == (span.context.trace_id, span.context.span_id)
    assert record.timestamp == span.end_time
    found = dict(record.attributes)
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.provider.name"] == "openai"
    assert found["gen_ai.request.model"] == "gpt-4o"
    assert found["gen_ai.input.messages"] == ({"role": "user", "parts": ({"type": "text", "content": "hi there"},)},)
    (said,) = found["gen_ai.output.messages"]
    assert said["parts"][0]["arguments"] == {"order": "A-1"}
    assert not [name for name in found if name.startswith("llmtrace.")]


@pytest.mark.parametrize(
    ("capture", "places"),
    [("no_content", (0, 0)), ("span_only", (1, 0)), (True, (1, 0)), ("event_only", (0, 1)), ("SPAN_AND_EVENT", (1, 1))],
)
def test_content_goes_where_the_switch_says(
    capture: Any, places: tuple[int, int], traces: Any, events: Events, scripted: Any
) -> None:
    on_span, on_event = places
    _again(traces, logger_provider=events.provider, capture_content=capture)
    scripted.answers({"error": {"message": "no such thing as hi there", "code": "bad"}}, status=400)
    with pytest.raises(Exception, match="no such thing"):
        scripted.sync.chat.completions.create(**ASK)
    records = events.records()
    span = traces.one()
    assert ("hi there" in str(attributes(span))) == bool(on_span)
    assert ("hi there" in str(span.status.description)) == bool(on_span)
    assert [record.event_name for record in records] == [DETAILS, EXCEPTION] * on_event


def test_an_exception_has_an_event_of_its_own_with_its_message_redacted(
    traces: Any, events: Events, scripted: Any
) -> None:
    _again(traces, logger_provider=events.provider, redact="email")
    scripted.answers({"error": {"message": "not for ada@example.com", "code": "bad"}}, status=400)
    with pytest.raises(Exception, match="not for"):
        scripted.sync.chat.completions.create(**ASK)
    details, exception = events.records()
    assert details.attributes["error.type"] == "BadRequestError"
    assert exception.severity_number.value == 13
    assert dict(exception.attributes) == {
        "exception.type": "BadRequestError",
        "exception.message": "not for [redacted: email]",
    }


def test_the_app_s_global_provider_is_used_and_one_set_later_is_picked_up(
    traces: Any, events: Events, fake: Any, client: Any
) -> None:
    _again(traces)
    client.chat.completions.create(**ASK)
    _logs.set_logger_provider(events.provider)
    client.chat.completions.create(**ASK)
    assert len(events.records()) >= 1


def test_a_flush_of_the_app_s_provider_covers_deferred_work_and_uninstrument_leaves_it_as_it_was(
    traces: Any, events: Events, fake: Any, client: Any
) -> None:
    before = vars(events.provider).copy()
    _again(traces, logger_provider=events.provider)
    client.chat.completions.create(**ASK)
    events.provider.force_flush()
    assert len(events.finished()) == 1
    llmtrace.uninstrument()
    assert vars(events.provider).keys() == before.keys()
    assert events.provider.force_flush()


def test_a_call_that_is_not_sampled_has_no_event(events: Events, fake: Any, client: Any) -> None:
    llmtrace.instrument(
        TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False),
        export="none",
        logger_provider=events.provider,
        capture_content="event_only",
    )
    client.chat.completions.create(**ASK)
    assert events.records() == []


def _received(collector: Any) -> list[Any]:
    return [
        record
        for path, _, body in collector.raw
        if path == "/v1/logs"
        for group in ExportLogsServiceRequest.FromString(body).resource_logs
        for scope in group.scope_logs
        for record in scope.log_records
    ]


def test_without_a_provider_of_the_app_events_go_to_the_collector(collector: Any, fake: Any, client: Any) -> None:
    llmtrace.instrument(endpoint=collector.url, capture_content="event_only")
    client.chat.completions.create(**ASK)
    assert llmtrace.flush()
    (record,) = _received(collector)
    assert record.event_name == DETAILS
    messages = next(a.value for a in record.attributes if a.key == "gen_ai.input.messages")
    assert messages.array_value.values[0].kvlist_value.values[0].key == "role"
    client.chat.completions.create(**ASK)
    llmtrace.uninstrument()
    assert len(_received(collector)) == 2


def test_no_provider_is_made_unless_events_were_asked_for(collector: Any, fake: Any, client: Any) -> None:
    llmtrace.instrument(endpoint=collector.url, capture_content=True)
    client.chat.completions.create(**ASK)
    assert llmtrace.flush()
    assert collector.raw == []


def test_a_collector_without_logs_is_told_once_and_asked_no_more(
    collector: Any, fake: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 404
    llmtrace.instrument(endpoint=collector.url, capture_content="event_only")
    for _ in range(3):
        client.chat.completions.create(**ASK)
        assert not llmtrace.flush()
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1
    assert "does not take events (HTTP 404)" in told[0]
    assert len(collector.spans()) == 3


def test_content_of_any_shape_is_spelled_so_that_every_reader_can_parse_it() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"a": [deep]}
    told = any_value({"": 2**70, "a": "\ud800", "deep": deep, "n": None, "f": 0.5, "t": True})
    assert told == {"_": str(2**70), "a": "?", "deep": told["deep"], "n": None, "f": 0.5, "t": True}  # type: ignore[index,call-overload]
    here: Any = told
    depth = 0
    while not isinstance(here, str):
        here = here["deep"] if depth == 0 else here[0] if isinstance(here, list) else here["a"]
        depth += 1
    assert depth == MAX_DEPTH
    json.loads(here)


def test_events_of_a_process_that_ends_at_once_are_sent(collector: Any, fake: Any) -> None:
    code = (
        "import llmtrace, openai, os\n"
        "llmtrace.instrument(capture_content='event_only')\n"
        "client = openai.OpenAI(base_url=os.environ['FAKE'], api_key='x')\n"
        "client.chat.completions.create(model='gpt-4o', messages=[{'role': 'user', 'content': 'parent'}])\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    client = openai.OpenAI(base_url=os.environ['FAKE'], api_key='x')\n"
        "    client.chat.completions.create(model='gpt-4o', messages=[{'role': 'user', 'content': 'child'}])\n"
        "    llmtrace.flush()\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
    )
    environ = {**os.environ, "FAKE": fake.base_url, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environ, check=True, timeout=60)
    said = sorted(text for record in _received(collector) for text in ("parent", "child") if text in str(record))
    assert said == ["child", "parent"]
