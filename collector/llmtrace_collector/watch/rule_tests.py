"""Tests of rules: described calls go into an embedded store, and the alerts at given times must be those expected.

Written after promtool's unit tests (prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules), with calls
for series: the figures are then made by the SQL that makes them live.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.watch import yaml_file
from llmtrace_collector.watch.backtest import Backtest
from llmtrace_collector.watch.fields import Fields, Mistakes, kind_of
from llmtrace_collector.watch.groups import group_key, group_of
from llmtrace_collector.watch.kinds import moment
from llmtrace_collector.watch.limit_fields import seconds_of
from llmtrace_collector.watch.measures import TABLES, Source
from llmtrace_collector.watch.rules import load

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from llmtrace_collector.watch.alerts import Alert
    from llmtrace_collector.watch.rule import Rule

_TOKENS = ("input_tokens", "output_tokens", "cached_input_tokens")
_TRUTHS = {
    "refused": "output_refused",
    "truncated": "output_truncated",
    "empty": "output_empty",
    "json_valid": "json_valid",
    "schema_valid": "schema_valid",
}
_START = datetime(2026, 1, 5, tzinfo=UTC)
_TABLES = ("spans", "spend_1m", "span_1h", "service_1h", "traces", "dim_values")
_MOST_CALLS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """The alerts that there must be at a moment, no more and no fewer."""

    at: timedelta
    alerts: tuple[Mapping[str, str], ...]
    """`rule`, `group` (its key), and where given `state` and `severity`."""


@dataclass(frozen=True, kw_only=True)
class RuleTest:
    """One test of a file."""

    name: str
    start: datetime
    every: timedelta
    columns: tuple[Mapping[str, Any], ...]
    """Rows of `spans`."""
    expect: tuple[Expectation, ...]


@dataclass(frozen=True, kw_only=True)
class TestFile:
    """What a file of tests says."""

    __test__ = False

    rules: tuple[Rule, ...]
    tests: tuple[RuleTest, ...]


def read(path: Path, environ: Mapping[str, str] = os.environ) -> TestFile:
    """Reads a file of tests and the rules it names.

    Raises:
        ConfigError: with every mistake, one to a line.
    """
    mistakes = Mistakes()
    content = yaml_file.read(path, mistakes)
    tests: list[RuleTest] = []
    rules = path
    if not mistakes.found and not isinstance(content, dict):
        mistakes.add("", f'{kind_of(content)} stands where a mapping belongs; begin the file with "rules: FILE"')
    elif not mistakes.found:
        fields = Fields(content, "", mistakes)
        rules = path.parent / (fields.text("rules", "rules.yaml") or "")
        for index, item in enumerate(fields.items("tests", "tests: [...]")):
            own = fields.mapping(item, f"tests[{index}]", "{name: ..., calls: [...], expect: [...]}")
            if own:
                tests.append(_read_test(own))
        fields.finish()
    if mistakes.found:
        raise ConfigError("\n".join(f"{path.name}: {mistake}" for mistake in mistakes.found))
    return TestFile(rules=load(rules, environ=environ), tests=tuple(tests))


def _read_test(fields: Fields) -> RuleTest:
    name = fields.text("name", "errors page") or ""
    start = _START if fields.get("start") is None else moment(fields, "start") or _START
    every = fields.duration("every", "1m", timedelta(minutes=1)) or timedelta(minutes=1)
    rows: list[Mapping[str, Any]] = []
    for index, item in enumerate(fields.items("calls", "[{count: 10, model: gpt-5}]")):
        own = fields.mapping(item, fields.at(f"calls[{index}]"), "{count: 10, model: gpt-5}")
        if own:
            rows += _read_calls(own, start)
    expect = []
    for index, item in enumerate(fields.items("expect", "[{at: 5m, alerts: []}]")):
        own = fields.mapping(item, fields.at(f"expect[{index}]"), "{at: 5m, alerts: []}")
        if own:
            expect.append(_read_expectation(own))
    fields.finish()
    return RuleTest(name=name, start=start, every=every, columns=tuple(rows), expect=tuple(expect))


def _read_calls(fields: Fields, start: datetime) -> list[Mapping[str, Any]]:
    nothing = timedelta(0)
    first = fields.duration("from", "0m", nothing)
    last = fields.duration("to", "30m", first or nothing)
    each = fields.duration("each", "1m", timedelta(minutes=1))
    count = fields.whole("count", "1", 1)
    status = fields.choice("status", ("ok", "error"), "a status", "ok")
    row = _read_row(fields, status or "ok")
    fields.finish()
    if first is None or last is None or not each or count is None:
        return []
    moments = (last - first) // each + (0 if last > first else 1)
    if moments * count > _MOST_CALLS:
        fields.wrong("count", f"makes {moments * count:,} calls; {_MOST_CALLS:,} are the most")
        return []
    return [{**row, "timestamp": start + first + n * each} for n in range(moments) for _ in range(count)]


def _read_row(fields: Fields, status: str) -> dict[str, Any]:
    """What the calls have in common."""
    row: dict[str, Any] = {"project": "default", "name": "chat", "is_call": True, "sampling_weight": 1.0}
    row["status_code"] = "ERROR" if status == "error" else "OK"
    for key, column in (("latency", "duration_ns"), ("ttft", "time_to_first_token_ns")):
        if fields.get(key) is not None:
            row[column] = round((seconds_of(fields, key, "2s") or 0) * 1e9)
    if fields.get("cost_usd") is not None:
        row["cost_usd"] = fields.dollars("cost_usd", "0.05")
    row |= {key: fields.whole(key, "100", 0) for key in _TOKENS if fields.get(key) is not None}
    for key, column in _TRUTHS.items():
        value = fields.get(key)
        if isinstance(value, bool):
            row[column] = value
        elif value is not None:
            fields.wrong(key, f"{kind_of(value)} stands where true or false belongs")
    for key, column in TABLES[Source.SPANS].columns.items():
        if fields.get(key) is not None:
            row[column] = fields.text(key, "gpt-5")
    return row


def _read_expectation(fields: Fields) -> Expectation:
    at = fields.duration("at", "5m") or timedelta(0)
    alerts = []
    for index, item in enumerate(fields.items("alerts", "[{rule: errors, state: firing}]")):
        own = fields.mapping(item, fields.at(f"alerts[{index}]"), "{rule: errors, state: firing}")
        if own is None:
            continue
        found = {"rule": own.text("rule", "errors") or ""}
        group = own.get("group") or {}
        found["group"] = (
            group_key({str(key): str(value) for key, value in group.items()}) if isinstance(group, dict) else ""
        )
        if not isinstance(group, dict):
            own.wrong("group", f"{kind_of(group)} stands where a mapping belongs; write it like {{model: gpt-5}}")
        for key, words in (("state", ("pending", "firing")), ("severity", ("warning", "critical"))):
            if own.get(key) is not None:
                found[key] = own.choice(key, words, f"a {key} of an alert") or ""
        own.finish()
        alerts.append(found)
    fields.finish()
    return Expectation(at=at, alerts=tuple(alerts))


def run(client: Client, file: TestFile) -> Iterator[tuple[RuleTest, list[str]]]:
    """Each test with what was not as expected.

    Args:
        client: of a store that is for this alone: it is emptied before each test, and forgets nothing for being old.
        file: what to run.
    """
    for table in _TABLES:
        client.command(f"ALTER TABLE {table} REMOVE TTL")
    for test in file.tests:
        for table in _TABLES:
            client.command(f"TRUNCATE TABLE {table}")
        _insert(client, test.columns)
        yield test, _differences(test, Backtest(file.rules, lambda: client))


def _insert(client: Client, rows: Sequence[Mapping[str, Any]]) -> None:
    by_columns: dict[tuple[str, ...], list[list[Any]]] = {}
    for row in rows:
        ids = [os.urandom(16).hex(), os.urandom(8).hex()]
        by_columns.setdefault(tuple(row), []).append([*ids, *row.values()])
    for columns, values in by_columns.items():
        client.insert("spans", values, column_names=["trace_id", "span_id", *columns])


def _differences(test: RuleTest, backtest: Backtest) -> list[str]:
    if not test.expect:
        return []
    last = max(expectation.at for expectation in test.expect)
    waiting = sorted(test.expect, key=lambda expectation: expectation.at)
    found: list[str] = []
    live: Sequence[Alert] = ()
    for now, _, seen in backtest.walk(test.start, test.start + last, test.every):
        while waiting and test.start + waiting[0].at < now:
            found += _compare(waiting.pop(0), live)
        live = seen
    for expectation in waiting:
        found += _compare(expectation, live)
    return found


def _compare(expectation: Expectation, live: Sequence[Alert]) -> list[str]:
    seen = [
        {
            "rule": alert.rule,
            "group": alert.key,
            "state": str(alert.standing.state),
            "severity": str(alert.standing.severity),
        }
        for alert in live
    ]
    minutes = expectation.at / timedelta(minutes=1)
    left = list(seen)
    missing = []
    for wanted in expectation.alerts:
        match = next((alert for alert in left if wanted.items() <= alert.items()), None)
        if match is None:
            missing.append(wanted)
        else:
            left.remove(match)
    return [f"at {minutes:g}m: expected and not there: {_words(alert)}" for alert in missing] + [
        f"at {minutes:g}m: there and not expected: {_words(alert)}" for alert in left
    ]


def _words(alert: Mapping[str, str]) -> str:
    group = ", ".join(f"{key}={value}" for key, value in group_of(alert["group"]).items())
    rest = " ".join(alert[key] for key in ("severity", "state") if key in alert)
    return f"{alert['rule']}{{{group}}} {rest}".strip()
