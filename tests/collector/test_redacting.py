"""Redaction at the door: nothing that must not be kept reaches the disk, the log or the store."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.receive.redacting import changer
from support.otlp import CALL, any_value, key_values, otlp_json, post, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

MAIL = "ada.lovelace@example.com"
KEY = "sk-proj-Zx81kQm3Rt6Yv0Bn4Lp7Ws2Ed5Gh9Jc1Fa8"
CARD = 4111111111111111
PLANTED = (MAIL, KEY, str(CARD), base64.b64encode(MAIL.encode()).decode(), "tell nobody")


def traces() -> ExportTraceServiceRequest:
    """Secrets in every place of a span that a text can stand in."""
    chat = f'[{{"role":"user","parts":[{{"type":"text","content":"tell nobody: {MAIL}"}}]}}]'
    made = span(
        {
            **CALL,
            "gen_ai.input.messages": chat,
            "llm.input_messages.0.message.content": f"tell nobody: {KEY}",
            "gen_ai.prompt.0.content": f"tell nobody {MAIL}",
            "deep": [{"a": [{KEY: {"b": MAIL}}, CARD, MAIL.encode(), b"\xff" + MAIL.encode()]}],
            f"key of {MAIL}": "value",
            "password": "tell nobody",
            "escaped": json.dumps({"inner": json.dumps({"mail": MAIL})}),
        },
        name=f"chat with {MAIL}",
    )
    made.trace_state = f"vendor={KEY}"
    made.status.message = f"failed for {MAIL}"
    event = made.events.add(name="gen_ai.content.prompt", time_unix_nano=made.start_time_unix_nano)
    event.attributes.extend(key_values({"gen_ai.prompt": f"tell nobody {MAIL}"}))
    made.events.add(name="note", attributes=key_values({"who": MAIL}))
    made.links.add(trace_id=b"1" * 16, span_id=b"2" * 8, attributes=key_values({"of": KEY}))
    whole = ExportTraceServiceRequest.FromString(request(made, resource={"service.name": "shop", "host.owner": MAIL}))
    whole.resource_spans[0].scope_spans[0].scope.attributes.extend(key_values({"by": MAIL}))
    return whole


def logs() -> ExportLogsServiceRequest:
    whole = ExportLogsServiceRequest()
    records = whole.resource_logs.add().scope_logs.add().log_records
    records.add(event_name="gen_ai.user.message", body=any_value({"content": f"tell nobody {MAIL}"}))
    records.add(body=any_value(f"user {MAIL} has {KEY}"), attributes=key_values({"mail": MAIL}))
    return whole


def metrics() -> ExportMetricsServiceRequest:
    whole = ExportMetricsServiceRequest()
    metric = whole.resource_metrics.add().scope_metrics.add().metrics.add(name="calls", description=f"of {MAIL}")
    point = metric.sum.data_points.add(as_int=1, attributes=key_values({"user": MAIL}))
    point.exemplars.add(as_int=1, filtered_attributes=key_values({"key": KEY}))
    return whole


def found(content: bytes, planted: tuple[str, ...] = PLANTED) -> list[str]:
    return [each for each in planted if each.encode() in content]


@pytest.mark.parametrize("make", [traces, logs, metrics])
@pytest.mark.parametrize("mode", ["mask", "drop-content"])
def test_no_planted_secret_is_in_what_goes_on(make: Any, mode: str) -> None:
    whole: Message = make()
    assert found(whole.SerializeToString())
    change = changer(mode, "personal")
    assert change
    change(whole)
    kept = whole.SerializeToString()
    # What is neither a secret nor personal stays under `mask`; what was said goes under `drop-content`.
    assert found(kept, PLANTED[:4] if mode == "mask" else PLANTED) == []
    once = kept
    change(whole)
    assert whole.SerializeToString() == once
    assert type(whole).FromString(kept) == whole


@pytest.mark.processes
def test_neither_log_nor_store_nor_dead_letters_have_a_trace_of_what_was_planted(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        # No store yet, so that everything is in the log on the disk.
        collector = stack.collector("--redact", "drop-content", "--receivers", "2")
        for path, whole in (("traces", traces()), ("logs", logs()), ("metrics", metrics())):
            url = f"{stack.http_url}/v1/{path}"
            for _ in range(4):
                assert post(url, whole.SerializeToString())[0] == 200
            assert post(url, json.dumps(otlp_json(whole)).encode(), content_type="application/json")[0] == 200
        assert on_disk(stack.data) > 0
        assert in_files(tmp_path) == []
        stack.store()
        wait_for(lambda: kept(stack) == (5, 10), 90)
        owner = stack.owner()
        assert owner.command("SELECT countIf(user_id = 'ada'), any(request_model) FROM spans") == ["5", "gpt-4o"]
        tables = [row[0] for row in owner.query("SHOW TABLES").result_rows]
        for table in tables:
            rows = owner.command(f"SELECT toString(tuple(*)) FROM `{table}` FORMAT TSVRaw", use_database=True)
            assert found(str(rows).encode()) == [], table
            assert table != "spans" or str(rows).count("gpt-4o") >= 5
        assert collector.stop() == 0
        assert in_files(tmp_path) == []


def kept(stack: Stack) -> tuple[int, int]:
    try:
        found_rows = stack.owner().query("SELECT (SELECT count() FROM spans), (SELECT count() FROM log_records)")
    except Exception:  # noqa: BLE001 - the tables are not there yet
        return 0, 0
    return tuple(found_rows.result_rows[0])  # type: ignore[return-value]


def on_disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("wal/**/*") if file.is_file())


def in_files(folder: Path) -> list[tuple[str, list[str]]]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [(file.name, hits) for file in files if (hits := found(file.read_bytes()))]


def test_a_field_that_otlp_does_not_name_is_not_kept() -> None:
    body = traces().resource_spans[0].SerializeToString()
    secret = MAIL.encode()
    unknown = b"\xba\x3e" + bytes([len(secret)]) + secret  # field 999, as bytes
    whole = ExportTraceServiceRequest()
    whole.resource_spans.add().MergeFromString(body + unknown)
    assert whole.SerializeToString().count(secret) > 1
    change = changer("mask", "personal")
    assert change
    change(whole)
    assert found(whole.SerializeToString(), PLANTED[:4]) == []


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(values, st.sampled_from([MAIL, KEY]))
@settings(deadline=None, max_examples=60)
def test_whatever_a_value_is_made_of_what_is_planted_in_it_is_gone_and_the_rest_is_whole(
    value: Any, secret: str
) -> None:
    whole = ExportTraceServiceRequest.FromString(request(span({"x": [value, {"y": f"see {secret} there"}]})))
    change = changer("mask", "personal")
    assert change
    change(whole)
    assert secret.encode() not in whole.SerializeToString()
    (pair,) = whole.resource_spans[0].scope_spans[0].spans[0].attributes
    assert len(pair.value.array_value.values) == 2


def test_a_request_that_redaction_fails_on_is_refused_and_its_words_are_nowhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from llmtrace_collector.receive.door import _judge_protobuf
    from llmtrace_collector.receive.refused import Fault, RefusedError
    from llmtrace_collector.signals import Signal

    def fails(_: Message) -> None:
        raise ValueError(MAIL)

    with pytest.raises(RefusedError) as refused:
        _judge_protobuf(Signal.TRACES, traces().SerializeToString(), change=fails)
    assert refused.value.fault is Fault.MALFORMED
    assert "cannot be redacted" in str(refused.value)
    assert MAIL not in f"{caplog.text} {refused.value}"


def test_words_that_are_no_mode_are_told() -> None:
    assert changer("off", "personal") is None
    with pytest.raises(ConfigError, match="none of off, mask, drop-content"):
        changer("yes", "personal")
    with pytest.raises(ConfigError, match="none of secrets, personal, all"):
        changer("mask", "none")
