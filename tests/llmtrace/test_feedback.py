"""What people say of answers: told by the app, from other processes, about spans and answers, and never in the way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.util._once import Once

import llmtrace
from llmtrace.cache import Cache
from llmtrace.opinions import MAX_TEXT_CHARS, OpinionError, opinion
from support.collectors import Collector

ASK: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(autouse=True)
def _no_logger_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opentelemetry._logs._internal._LOGGER_PROVIDER", None)
    monkeypatch.setattr("opentelemetry._logs._internal._LOGGER_PROVIDER_SET_ONCE", Once())


class Said:
    """The events that came to a logger provider of the app."""

    def __init__(self) -> None:
        self._memory = InMemoryLogRecordExporter()
        self.provider = LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(SimpleLogRecordProcessor(self._memory))

    def all(self) -> list[Any]:
        assert llmtrace.flush()
        return [data.log_record for data in self._memory.get_finished_logs()]

    def one(self) -> Any:
        (record,) = self.all()
        return record


@pytest.fixture
def said() -> Iterator[Said]:
    made = Said()
    yield made
    llmtrace.uninstrument()
    made.provider.shutdown()


def test_feedback_names_the_answer_the_person_and_what_was_said(make_traces: Any, said: Said, client: Any) -> None:
    make_traces(logger_provider=said.provider)
    with llmtrace.context(user="ada", session="s-1"):
        answer = client.chat.completions.create(**ASK)
        told = llmtrace.feedback(answer, score=1, comment="just right", correction="hello", name="thumb", label="up")
    record = said.one()
    assert record.event_name == "llmtrace.feedback"
    assert (record.trace_id, record.span_id) == (0, 0)
    assert dict(record.attributes) == {
        "llmtrace.feedback.id": told,
        "gen_ai.response.id": answer.id,
        "llmtrace.feedback.name": "thumb",
        "llmtrace.feedback.value": 1.0,
        "llmtrace.feedback.label": "up",
        "llmtrace.feedback.comment": "just right",
        "llmtrace.feedback.correction": "hello",
        "user.id": "ada",
        "session.id": "s-1",
    }


@pytest.mark.parametrize("about", [f"{TRACE}:{SPAN}", f"00-{TRACE}-{SPAN}-01", f"{TRACE}-{SPAN}".upper()])
def test_a_span_may_be_named_as_headers_name_it(make_traces: Any, said: Said, about: str) -> None:
    make_traces(logger_provider=said.provider)
    llmtrace.feedback(about, label="down")
    record = said.one()
    assert (f"{record.trace_id:032x}", f"{record.span_id:016x}") == (TRACE, SPAN)
    assert "gen_ai.response.id" not in record.attributes


def test_feedback_about_nothing_else_is_about_the_current_span(make_traces: Any, said: Said) -> None:
    traces = make_traces(logger_provider=said.provider)
    with llmtrace.span("answer"):
        open_ = trace.get_current_span()
        llmtrace.feedback(score=0.5)
        llmtrace.feedback(open_, score=0.5)
    ids = {(record.trace_id, record.span_id) for record in said.all()}
    (span,) = traces.spans()
    assert ids == {(span.context.trace_id, span.context.span_id)}


def test_feedback_inside_another_span_is_about_what_was_named(make_traces: Any, said: Said) -> None:
    make_traces(logger_provider=said.provider)
    with llmtrace.span("handler"):
        llmtrace.feedback("chatcmpl-1", score=0)
        llmtrace.feedback(TRACE, score=0)
    by_answer, by_trace = said.all()
    assert (by_answer.trace_id, by_answer.span_id) == (0, 0)
    assert (f"{by_trace.trace_id:032x}", by_trace.span_id) == (TRACE, 0)


def test_comments_and_corrections_are_redacted_as_content_is(make_traces: Any, said: Said) -> None:
    make_traces(logger_provider=said.provider, redact="personal")
    llmtrace.feedback("r-1", comment="write to ada@example.com", correction="sk-proj-" + "a1B2" * 12)
    told = dict(said.one().attributes)
    assert "ada@example.com" not in told["llmtrace.feedback.comment"]
    assert "a1B2a1B2" not in told["llmtrace.feedback.correction"]


@pytest.mark.parametrize(
    ("about", "what", "sentence"),
    [
        ("", {"score": 1}, "about nothing"),
        (None, {"score": 1}, "names no span"),
        (SPAN, {"score": 1}, "is a span id alone"),
        ("0" * 32, {"score": 1}, "names no span"),
        (7, {"score": 1}, "give the answer"),
        ("a\nb", {"score": 1}, "about nothing"),
        ("r-1", {}, "says nothing"),
        ("r-1", {"user": "ada"}, "says nothing"),
        ("r-1", {"score": float("nan")}, "can be averaged"),
        ("r-1", {"score": "1"}, "can be averaged"),
        ("r-1", {"comment": 3}, "comment: int is no text"),
        ("r-1", {"comment": "x" * (MAX_TEXT_CHARS + 1)}, "20,001 characters are too many"),
    ],
)
def test_what_is_no_feedback_is_said_in_a_sentence(traces: Any, about: Any, what: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        llmtrace.feedback(about, **what)


@given(
    about=st.text(max_size=70),
    said=st.dictionaries(
        st.sampled_from(["score", "label", "user", "x"]), st.none() | st.floats() | st.text(max_size=9)
    ),
)
def test_any_statement_is_one_or_is_refused_in_one_line(about: str, said: dict[str, object]) -> None:
    try:
        made = opinion(about, said)
    except OpinionError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert bool(made.trace_id) != bool(made.response_id)
    assert made.score is not None or made.label


@pytest.mark.parametrize(
    ("what", "asked"),
    [({"score": 0}, 2), ({"label": "down"}, 2), ({"score": 1}, 1), ({"label": "withdrawn"}, 1), ({"comment": "no"}, 1)],
)
def test_an_answer_that_was_not_liked_is_forgotten_by_the_cache(
    make_traces: Any, said: Said, fake_and_client: Any, what: Any, asked: int
) -> None:
    fake, client = fake_and_client
    make_traces(logger_provider=said.provider, cache=Cache())
    answer = client.chat.completions.create(**ASK)
    llmtrace.feedback(answer, **what)
    assert len(said.all()) == 1
    client.chat.completions.create(**ASK)
    assert len(fake.requests) == asked


SCRIPT = """
import sys, llmtrace
made = llmtrace.feedback("chatcmpl-1", score=-1, user="ada", id="f-1")
assert made == "f-1"
assert llmtrace.flush()
bad = [m for m in sys.modules if m.split(".")[0] in {"openai", "wrapt"}]
assert not bad, bad
"""


def run_script(script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", script]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)


def test_a_process_that_is_not_instrumented_tells_feedback_too(collector: Collector) -> None:
    done = run_script(SCRIPT, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, LLMTRACE_INGEST_KEY="k")
    assert (done.returncode, done.stderr) == (0, "")
    ((path, headers, body),) = collector.raw
    assert (path, headers["authorization"]) == ("/v1/logs", "Bearer k")
    request = ExportLogsServiceRequest.FromString(body)
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    assert record.event_name == "llmtrace.feedback"
    assert {a.key: a.value.double_value for a in record.attributes}["llmtrace.feedback.value"] == -1


def test_what_was_said_last_is_sent_when_the_process_ends(collector: Collector) -> None:
    script = 'import llmtrace; llmtrace.feedback("chatcmpl-1", score=1)'
    done = run_script(script, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(collector.raw) == 1


def test_nothing_is_sent_and_nothing_fails_where_telemetry_is_off_or_nobody_listens(collector: Collector) -> None:
    script = 'import llmtrace; llmtrace.feedback("chatcmpl-1", score=1)'
    off = run_script(script, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SDK_DISABLED="true")
    away = run_script(script, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert (off.returncode, away.returncode, collector.raw) == (0, 0, [])


def test_feedback_that_goes_nowhere_says_so_once(make_traces: Any, caplog: pytest.LogCaptureFixture) -> None:
    make_traces()
    for _ in range(2):
        llmtrace.feedback("chatcmpl-1", score=1)
    assert [record.getMessage() for record in caplog.records if "goes nowhere" in record.getMessage()] != []
    assert len(caplog.records) == 1
