"""A process that just ends: nothing is lost, and a collector that is away does not hold it up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest

from support.collectors import Collector

SCRIPT = """
import sys, time, openai, llmtrace
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

base_url, collector, whose = sys.argv[1:]
if whose == "app":
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(collector + "/v1/traces")))
    trace.set_tracer_provider(provider)
llmtrace.instrument(endpoint=collector)
client = openai.OpenAI(base_url=base_url, api_key="x")
client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
if whose == "in the middle":
    time.sleep(1.5)  # longer than between exports: an attempt is under way
print(time.time())
"""


def _run(base_url: str, collector: str, whose: str = "own") -> tuple[float, str]:
    """Seconds from the script's last line to the end of its process, and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, base_url, collector, whose],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return time.time() - float(done.stdout), done.stderr


@pytest.mark.processes
@pytest.mark.parametrize("whose", ["own", "app"])
def test_a_script_that_ends_without_a_flush_loses_no_span(whose: str, fake: Any, collector: Collector) -> None:
    _, said = _run(fake.base_url, collector.url, whose)
    assert [name for _, _, name in collector.spans()] == ["chat gpt-4o"]
    assert said == ""


@pytest.mark.processes
def test_a_collector_that_is_away_costs_an_exit_a_moment_and_a_line(fake: Any) -> None:
    took_s, said = _run(fake.base_url, "http://127.0.0.1:9")
    assert took_s < 9  # none by itself; the machine may be busy
    assert len(said.splitlines()) == 1
    assert "does not take spans" in said


@pytest.mark.processes
def test_a_collector_that_never_answers_costs_an_exit_no_more_than_its_budget(fake: Any, silent: str) -> None:
    took_s, said = _run(fake.base_url, silent, "in the middle")
    assert took_s < 9  # two by itself; the machine may be busy
    assert len(said.splitlines()) == 1
    assert "does not take spans" in said


OUTLIVING = """
import builtins, sys, openai, llmtrace
llmtrace.instrument(export="none")
client = openai.OpenAI(base_url=sys.argv[1], api_key="x")
stream = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}], stream=True)
next(stream)
llmtrace.uninstrument()
if sys.argv[2] == "late":  # not even ended at exit: the finaliser is the first to come
    from llmtrace import unfinished
    unfinished.streams._recordings.clear()
builtins.kept = stream  # dies with the interpreter
print("the end")
"""


@pytest.mark.processes
@pytest.mark.parametrize("when", ["at exit", "late"])
def test_a_stream_that_outlives_llmtrace_and_the_interpreter_does_not_hang_the_exit(when: str, fake: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OUTLIVING, fake.base_url, when], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout) == (0, "the end\n")


OPEN = """
import sys, openai, llmtrace
from opentelemetry.sdk.trace import TracerProvider
llmtrace.instrument(endpoint=sys.argv[2])
client = openai.OpenAI(base_url=sys.argv[1], api_key="x")
stream = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}], stream=True)
next(stream)
"""


@pytest.mark.processes
def test_a_stream_that_is_open_at_the_end_of_the_process_is_ended_and_sent(fake: Any, collector: Collector) -> None:
    subprocess.run([sys.executable, "-c", OPEN, fake.base_url, collector.url], check=True, timeout=90)
    assert len(collector.spans()) == 1


CHILDREN = """
import multiprocessing, sys, openai, llmtrace

def call():
    client = openai.OpenAI(base_url=sys.argv[1], api_key="x")
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])

llmtrace.instrument(endpoint=sys.argv[2])
client = openai.OpenAI(base_url=sys.argv[1], api_key="x")
stream = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}], stream=True)
next(stream)
child = multiprocessing.get_context("fork").Process(target=call)
child.start()
child.join()
list(stream)
"""


@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_of_multiprocessing_sends_its_own_spans_and_none_of_its_parent_s(
    fake: Any, collector: Collector
) -> None:
    subprocess.run([sys.executable, "-c", CHILDREN, fake.base_url, collector.url], check=True, timeout=90)
    ids = [
        span.span_id
        for _, _, request in collector.received
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]
    assert len(ids) == len(set(ids)) == 2
