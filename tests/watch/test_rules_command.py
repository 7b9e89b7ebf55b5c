"""`llmtrace rules`: mistakes by their path, tests of rules on described calls, and what the past would have told."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llmtrace_collector.schema.migrate import migrate
from support.command import llmtrace
from support.services import stack_at

pytestmark = pytest.mark.processes

RULES = """
rules:
  - name: errors
    kind: threshold
    measure: error_rate
    group_by: [model]
    window: 5m
    above: 20%
    min_calls: 5
    for: 2m
  - {name: swap, kind: change, field: response_model, group_by: [model], severity: warning, stays: 10m}
"""
TESTS = """
rules: rules.yaml
tests:
  - name: a provider that fails pages within minutes and resolves
    start: 2026-11-02T09:00:00Z
    calls:
      - {from: 0m, to: 60m, each: 1m, count: 10, model: gpt-5, response_model: a}
      - {from: 10m, to: 20m, each: 1m, count: 10, model: gpt-5, response_model: a, status: error}
    expect:
      - {at: 10m, alerts: []}
      - {at: 13m, alerts: [{rule: errors, group: {model: gpt-5}, state: pending}]}
      - {at: 16m, alerts: [{rule: errors, group: {model: gpt-5}, state: firing, severity: critical}]}
      - {at: 30m, alerts: []}
  - name: a model swap is told
    calls:
      - {from: 0m, to: 20m, each: 1m, model: gpt-5, response_model: a}
      - {from: 20m, to: 40m, each: 1m, model: gpt-5, response_model: b}
    expect:
      - {at: 22m, alerts: [{rule: swap, group: {model: gpt-5, response_model: b}, severity: warning}]}
      - {at: 39m, alerts: []}
"""


def command(*words: str) -> tuple[int, str]:
    """In a process of its own: an embedded store is one a process."""
    done = subprocess.run(
        [sys.executable, "-m", "llmtrace.cli", *words], capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    (tmp_path / "tests.yaml").write_text(TESTS, encoding="utf-8")
    return tmp_path / "rules.yaml"


def test_a_sound_file_is_said_to_be_and_mistakes_are_printed_by_path(file: Path) -> None:
    code, said = command("rules", "check", str(file))
    assert (code, said.strip()) == (0, f"{file}: 2 rules, 0 channels, no mistake")
    file.write_text(RULES.replace("error_rate", "eror_rate").replace("20%", "lots"), encoding="utf-8")
    code, said = command("rules", "check", str(file))
    assert code == 2
    assert 'rules.yaml: rules[0].measure: "eror_rate" is not a measure; did you mean "error_rate"?' in said
    assert 'rules.yaml: rules[0].above: "lots" is not a number; write it like 5' in said


def test_tests_of_rules_pass_on_the_calls_they_describe_and_fail_with_what_differs(file: Path) -> None:
    tests = file.with_name("tests.yaml")
    code, said = command("rules", "test", str(tests))
    assert (code, said.splitlines()[-1]) == (0, "2 tests, 0 failed"), said
    tests.write_text(TESTS.replace("severity: critical", "severity: warning"), encoding="utf-8")
    code, said = command("rules", "test", str(tests))
    assert code == 1
    assert "at 16m: expected and not there: errors{model=gpt-5} warning firing" in said
    assert "at 16m: there and not expected: errors{model=gpt-5} critical firing" in said


def test_a_mistake_in_a_file_of_tests_is_told_by_its_path(file: Path) -> None:
    tests = file.with_name("tests.yaml")
    tests.write_text(TESTS.replace("count: 10", "cuont: 10"), encoding="utf-8")
    code, said = command("rules", "test", str(tests))
    assert code == 2
    assert 'tests.yaml: tests[0].calls[0].cuont: is not a known key; did you mean "count"?' in said


def test_the_past_is_walked_by_the_code_that_runs_live_and_nothing_is_sent(file: Path, tmp_path: Path) -> None:
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    statuses = ["ERROR" if 10 <= minute < 20 else "OK" for minute in range(40) for _ in range(10)]
    rows = [
        [f"{n:032x}", f"{n:016x}", start + timedelta(minutes=n // 10, seconds=30), True, "gpt-5", status, 1.0]
        for n, status in enumerate(statuses)
    ]
    names = ["trace_id", "span_id", "timestamp", "is_call", "model", "status_code", "sampling_weight"]
    with stack_at(tmp_path, new=True) as stack:
        stack.store()
        client = stack.owner()
        migrate(client)
        client.insert("spans", rows, column_names=names)
        times = ("--from", start.isoformat(), "--to", (start + timedelta(minutes=40)).isoformat())
        code, said = llmtrace(stack, "rules", "backtest", str(file), *times)
        assert code == 0, said
        assert client.command("SELECT count() FROM alert_events") == 0
        refused = llmtrace(stack, "rules", "backtest", str(file), *times[:3], "2020-01-01")
    told = [json.loads(line) for line in said.splitlines()]
    assert [(one["state"], one["reason"]) for one in told] == [
        ("pending", "over_limit"),
        ("firing", "held"),
        ("resolved", "back_under"),
    ]
    assert told[1]["summary"] == "The error rate of 50 calls over 5m: 80 %, above the limit of 20 %."
    assert told[1]["group"] == {"model": "gpt-5"}
    assert refused[0] == 2
    assert "is before --from" in refused[1]
