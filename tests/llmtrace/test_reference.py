"""The reference page lists what there is, no more and no less; settings are read as it says."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import llmtrace
from llmtrace.semconv import ATTRIBUTES
from llmtrace.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "reference"


def test_every_environment_variable_the_code_reads_stands_on_a_page() -> None:
    pages = "".join(page.read_text() for page in PAGES.glob("*.md"))
    code = "".join(source.read_text() for source in (ROOT / "llmtrace").rglob("*.py"))
    read = set(re.findall(r'"((?:OTEL|LLMTRACE)_[A-Z0-9_]+)"', code))
    assert len(read) > 30
    assert {name for name in read if f"`{name}`" not in pages} == set()


def test_every_argument_of_instrument_stands_on_its_page() -> None:
    page = (PAGES / "instrument.md").read_text()
    arguments = set(inspect.signature(llmtrace.instrument).parameters) - {"tracer_provider", "meter_provider"}
    assert {name for name in arguments if f"- `{name}`: " not in page} == set()


def test_only_semconv_spells_an_attribute_name() -> None:
    spelled = re.compile(r'"(gen_ai|llmtrace|openai|server|user|session|error|http)\.[a-z_.]+"')
    for source in (ROOT / "llmtrace").rglob("*.py"):
        if source.name in ("semconv.py", "cli.py"):
            continue
        found = [match.group() for match in spelled.finditer(source.read_text())]
        assert [name for name in found if name.strip('"') in ATTRIBUTES] == [], source


def test_only_one_module_writes_span_attributes() -> None:
    for source in (ROOT / "llmtrace").rglob("*.py"):
        if source.name != "spans.py":
            assert ".set_attribute" not in source.read_text(), source


def test_only_the_seams_know_private_names_of_the_client() -> None:
    for source in (ROOT / "llmtrace").rglob("*.py"):
        if source.name != "socket_seam.py":
            assert "make_ws" not in source.read_text(), source
            assert "openai.resources" not in source.read_text(), source
        if source.name not in {"seam.py", "acting.py"}:
            assert "_process_response" not in source.read_text(), source
        if source.name != "seam.py":
            assert "_base_client" not in source.read_text(), source


@pytest.mark.parametrize(
    ("environ", "endpoint", "url"),
    [
        ({}, None, "http://127.0.0.1:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1/"}, None, "http://c:1/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:1/x"}, None, "http://c:1/x"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:1/x"}, "http://d:2", "http://d:2/v1/traces"),
        ({}, "http://d:2/v1/traces", "http://d:2/v1/traces"),
    ],
)
def test_the_endpoint_is_the_argument_s_then_the_environment_s(environ: Any, endpoint: Any, url: str) -> None:
    assert load_settings(endpoint=endpoint, environ=environ).traces_url == url


def test_a_wrong_argument_says_what_to_write_and_a_wrong_variable_is_passed_over() -> None:
    wrong: Any = "console"
    with pytest.raises(ValueError, match='write "auto" or "none"'):
        load_settings(export=wrong, environ={})
    assert load_settings(environ={"LLMTRACE_QUEUE_SIZE": "many"}).queue_size == 2048


def test_importing_llmtrace_loads_neither_the_client_nor_the_sdk() -> None:
    code = (
        "import sys, llmtrace; "
        "bad = [m for m in sys.modules if m.startswith(('openai', 'opentelemetry', 'wrapt', 'pydantic', 'httpx'))]; "
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
