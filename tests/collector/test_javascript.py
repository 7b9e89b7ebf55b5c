"""Spans of another language's standard exporters arrive unchanged: OpenTelemetry JS, in its three protocols."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from llmtrace_collector.database import rows
from support.services import Stack
from support.waiting import wait_for

FOLDER = Path(__file__).resolve().parents[1] / "node"


@pytest.fixture(scope="session")
def exporters() -> Path:
    """The folder with the exporters installed as its lock file has them."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on PATH: these tests send by the exporters of OpenTelemetry JS")
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".lock-of-tests"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        installed.write_bytes(lock.read_bytes())
    return FOLDER


@pytest.mark.parametrize("kind", ["proto", "http", "grpc"])
def test_spans_of_javascripts_exporters_arrive_unchanged(stack: Stack, exporters: Path, kind: str) -> None:
    url = f"http://127.0.0.1:{stack.grpc_port}" if kind == "grpc" else f"{stack.http_url}/v1/traces"
    sent = subprocess.run(
        ["node", "send.mjs", kind, url], cwd=exporters, capture_output=True, text=True, timeout=60, check=False
    )
    assert sent.returncode == 0, sent.stderr
    told = json.loads(sent.stdout)

    def stored() -> list[dict[str, Any]]:
        sql = (
            "SELECT *, toUnixTimestamp64Nano(timestamp) AS start_ns, toUnixTimestamp64Nano(`events.timestamp`[1])"
            " AS event_ns FROM spans WHERE trace_id = {id:String} ORDER BY start_ns"
        )
        return rows(stack.reader(), sql, {"id": told["traceId"]})

    wait_for(lambda: len(stored()) == 2, 30, what="both spans")
    parent, child = stored()
    second_ns = told["second"] * 10**9
    expected = {
        "span_id": told["spanId"],
        "parent_span_id": told["parentId"],
        "name": "chat gpt-4o",
        "kind": "CLIENT",
        "service_name": "shop-js",
        "environment": "test",
        "scope_name": "tests-js",
        "start_ns": second_ns + 123_456_789,
        "duration_ns": 1_864_197_532,
        "status_code": "ERROR",
        "status_message": "it broke",
        "provider": "openai",
        "model": "gpt-4o",
        "input_tokens": 12,
        "finish_reasons": ["stop", "length"],
        "events.name": ["first token"],
        "event_ns": second_ns + 200_000_000,
        "events.attributes": [{"n": "1", "words": '["a","b"]'}],
        "links.trace_id": [told["traceId"]],
        "links.span_id": [told["parentId"]],
        "links.attributes": [{"why": "because"}],
    }
    assert {name: child[name] for name in expected} == expected
    attributes = {
        "text": 'é "quoted" \\ € \U0001f600\n',
        "empty": "",
        "zero": "0",
        "negative": "-5",
        "large": "9007199254740991",
        "real": "0.1",
        "yes": "true",
        "no": "false",
        "numbers": "[1,2.5,-3]",
        "flags": "[true,false]",
        "none": "[]",
    }
    assert {name: child["attributes"][name] for name in attributes} == attributes
    assert (parent["name"], parent["kind"], parent["parent_span_id"]) == ("agent", "SERVER", "")
