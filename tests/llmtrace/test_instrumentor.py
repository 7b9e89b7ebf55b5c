"""`opentelemetry-instrument python app.py`: the real command, on an app that knows nothing of llmtrace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

import llmtrace
from llmtrace.instrumentor import Instrumentor
from llmtrace.testing import Captured
from support.collectors import Collector

CHAT: Any = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
APP = """
import sys, openai
client = openai.OpenAI(base_url=sys.argv[1], api_key="x")
client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hi"}])
"""
INSTRUMENTED_APP = "import llmtrace; llmtrace.instrument()" + APP
COMMAND = Path(sys.executable).with_name("opentelemetry-instrument")


def run(tmp_path: Path, base_url: str, variables: Mapping[str, str], app: str = APP) -> str:
    """What the app printed."""
    (tmp_path / "app.py").write_text(app)
    quiet = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    done = subprocess.run(
        [COMMAND, sys.executable, "app.py", base_url],
        cwd=tmp_path,
        env={**os.environ, **quiet, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.processes
@pytest.mark.parametrize("app", [APP, INSTRUMENTED_APP], ids=["plain app", "app that instruments as well"])
def test_the_command_traces_an_app_once_and_only_where_the_environment_says(
    app: str, fake: Any, collector: Collector, tmp_path: Path
) -> None:
    told = run(
        tmp_path,
        fake.base_url,
        {"OTEL_TRACES_EXPORTER": "console", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url},
        app,
    )
    assert told.count('"name": "chat gpt-4o"') == 1
    assert '"gen_ai.usage.input_tokens"' in told
    assert collector.spans() == []


@pytest.mark.processes
def test_the_command_exports_to_the_collector_once(fake: Any, collector: Collector, tmp_path: Path) -> None:
    variables = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_SERVICE_NAME": "shop",
    }
    run(tmp_path, fake.base_url, variables)
    assert [name for _, _, name in collector.spans()] == ["chat gpt-4o"]


@pytest.mark.processes
@pytest.mark.parametrize("disabled", ["llmtrace", "requests, llmtrace", "*"])
def test_the_command_leaves_it_out_when_told_to(disabled: str, fake: Any, tmp_path: Path) -> None:
    variables = {"OTEL_TRACES_EXPORTER": "console", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": disabled}
    assert run(tmp_path, fake.base_url, variables) == ""


def test_the_entry_point_is_there_and_needs_no_package_of_instrumentations() -> None:
    (found,) = entry_points(group="opentelemetry_instrumentor", name="llmtrace")
    assert found.load() is Instrumentor
    code = (
        "import sys; sys.modules['opentelemetry.instrumentation'] = None; "
        "from llmtrace.instrumentor import Instrumentor; Instrumentor().instrument(skip_dep_check=True); "
        "sys.exit(not Instrumentor().is_instrumented_by_opentelemetry)"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, env={**os.environ, "OTEL_TRACES_EXPORTER": "none"}
    )


def test_it_is_used_by_hand_as_any_other_instrumentor(fake: Any, client: Any) -> None:
    captured = Captured()
    instrumentor = Instrumentor()
    assert not instrumentor.is_instrumented_by_opentelemetry
    for _ in range(2):
        instrumentor.instrument(tracer_provider=captured.provider, skip_dep_check=True)
    client.chat.completions.create(**CHAT)
    assert captured.tree() == "chat gpt-4o"
    instrumentor.uninstrument()
    client.chat.completions.create(**CHAT)
    assert len(captured.finished()) == 1


def test_spans_go_to_our_collector_where_the_environment_sends_them_nowhere(
    fake: Any, client: Any, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    Instrumentor().instrument(tracer_provider=TracerProvider(shutdown_on_exit=False))
    client.chat.completions.create(**CHAT)
    assert llmtrace.flush()
    assert len(collector.spans()) == 1
