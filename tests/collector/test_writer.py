"""From the log to the store when things go wrong: poison, a store that is away, a disk that is full."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import time
from pathlib import Path

import pytest

from llmtrace_collector.folder import DataFolder
from llmtrace_collector.schema.migrate import newest
from llmtrace_collector.wal import places
from llmtrace_collector.wal.record import encode
from support.otlp import post, request, span
from support.services import Process, Stack, stack_at
from support.waiting import wait_for

pytestmark = pytest.mark.processes


def names(stack: Stack) -> list[str]:
    if not stack.reader().command("EXISTS TABLE spans"):
        return []
    return [row[0] for row in stack.reader().query("SELECT name FROM spans ORDER BY name").result_rows]


def record(request_body: bytes) -> bytes:
    return encode(project="default", received_ns=time.time_ns(), request=request_body)


def leave_segment(stack: Stack, *records: bytes, name: str = "00000000000000000000000001-aaaaaaaa") -> Path:
    """A segment as a collector of this version that was killed leaves it."""
    traces = DataFolder(stack.data).wal / "traces"
    traces.mkdir(exist_ok=True, parents=True)
    path = traces / f"{name}.0.seg"
    path.write_bytes(b"".join(records))
    places.note_schema(traces.parent, newest())
    return path


POISON = b"\x0a\x7f"
"""A resource_spans said to have 127 bytes, of which there are none: ClickHouse's parser refuses it."""


def test_records_that_do_not_parse_go_to_the_dead_letters_and_the_others_are_stored(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        good = [record(request(span(name=f"good {n}"))) for n in range(5)]
        poison = record(POISON)
        segment = leave_segment(stack, good[0], good[1], poison, good[2], poison, good[3], good[4])
        stack.store()
        collector = stack.collector()
        wait_for(lambda: not segment.exists(), what="the segment to be done")
        assert names(stack) == [f"good {n}" for n in range(5)]
        letters = sorted((stack.data / "wal" / "dead" / "traces").glob("*.records"))
        assert [letter.read_bytes() for letter in letters] == [poison, poison]
        assert (
            "CANNOT" in letters[0].with_suffix(".reason").read_text().upper()
            or "Protobuf" in letters[0].with_suffix(".reason").read_text()
        )
        assert "looking for the records at fault" in collector.output
        assert not list((stack.data / "wal").rglob("*.plan"))


def key(number: int, wire_type: int) -> bytes:
    return bytes([number << 3 | wire_type])


def nested(number: int, content: bytes) -> bytes:
    return key(number, 2) + bytes([len(content) & 0x7F | 0x80, len(content) >> 7]) + content


def with_attribute(name: str, value: bytes) -> bytes:
    """A request with one span, whose attribute has this encoded AnyValue."""
    raw = span({}, name=name).SerializeToString() + nested(9, nested(1, b"k") + nested(2, value))
    return nested(1, nested(2, nested(2, raw)))


LEGAL = {
    "a oneof set twice": nested(1, b"first") + key(3, 0) + b"\x07",
    "an integer as fixed64": key(3, 1) + bytes(8),
    "a bool wider than a bit": key(2, 0) + b"\xff\x01",
    "a bool as text": nested(2, b"abc"),
    "an unknown branch": key(15, 0) + b"\x05",
}
"""What protobuf's rules allow and upb takes, though no exporter writes it."""


def test_legal_protobuf_that_clickhouse_refuses_is_repaired_and_holds_up_nobody(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        stack.collector()
        url = f"{stack.http_url}/v1/traces"
        for name, value in LEGAL.items():
            assert post(url, with_attribute(name, value))[0] == 200, name
        wide_kind = span({}, name="a kind").SerializeToString() + key(6, 0) + b"\x80" * 5 + b"\x20"
        assert post(url, nested(1, nested(2, nested(2, wide_kind))))[0] == 200
        assert post(url, request(span(name="after")))[0] == 200
        wait_for(lambda: names(stack) == sorted([*LEGAL, "a kind", "after"]), 40)
        assert not list((stack.data / "wal").glob("dead/*"))


def test_whatever_passes_the_door_never_stops_what_comes_after_it(tmp_path: Path) -> None:
    dice = random.Random(20261122)
    with stack_at(tmp_path) as stack:
        stack.store()
        stack.collector()
        url = f"{stack.http_url}/v1/traces"
        whole = request(span({"a": [1, {"b": True}], "c": 1.5, "d": "text"}, name="fuzzed"))
        accepted = 0
        for _ in range(1500):
            body = bytearray(whole)
            for _ in range(dice.randint(1, 4)):
                body[dice.randrange(len(body))] = dice.randrange(256)
            accepted += post(url, bytes(body))[0] == 200
        assert accepted > 200
        assert post(url, request(span(name="after")))[0] == 200
        wait_for(lambda: "after" in names(stack), 60)


def test_a_plan_that_was_noted_before_a_crash_is_carried_out_as_it_was_noted(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        store = stack.store()
        good = [record(request(span(name=f"good {n}"))) for n in range(3)]
        first = leave_segment(stack, good[0], record(POISON), good[1], good[2])
        kept = first.read_bytes()
        collector = stack.collector()
        wait_for(lambda: not first.exists())
        collector.kill_group()
        # As if it had been killed before the segment was deleted: the same ranges, under the same tokens.
        first.write_bytes(kept)
        first.with_name("00000000000000000000000001-aaaaaaaa.plan").write_text(
            json.dumps({"bad": {"1": "why"}, "repaired": [], "records": 4})
        )
        again = stack.collector()
        wait_for(lambda: not first.exists())
        assert names(stack) == ["good 0", "good 1", "good 2"]
        assert again.stop() == 0
        assert store.stop() == 0


def test_spans_accepted_while_the_store_is_away_are_stored_when_it_comes(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        collector = stack.collector()
        for n in range(3):
            assert post(f"{stack.http_url}/v1/traces", request(span(name=f"early {n}")))[0] == 200
        wait_for(lambda: "accepted spans wait in the log" in collector.output)
        store = stack.store()
        wait_for(lambda: names(stack) == ["early 0", "early 1", "early 2"])
        store.kill_group()
        assert post(f"{stack.http_url}/v1/traces", request(span(name="while it was killed")))[0] == 200
        stack.store()
        wait_for(lambda: len(names(stack)) == 4)
        assert collector.stop() == 0


def test_a_clickhouse_that_is_down_is_said_in_one_line_however_often_it_is_tried(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        collector = stack.collector("--clickhouse", "http://127.0.0.1:1")
        assert post(f"{stack.http_url}/v1/traces", request(span(name="early")))[0] == 200
        assert collector.stop() == 0
        (warning,) = [line for line in collector.output.splitlines() if " INFO " not in line]
        assert warning.endswith(
            "ClickHouse at http://127.0.0.1:1 does not answer (Connection refused): start it, or check the address;"
            " accepted spans wait in the log"
        )


def test_a_store_that_refuses_the_password_stops_the_collector_with_one_sentence(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        command = ["llmtrace_collector", "--data", str(tmp_path / "other"), "--clickhouse", stack.store_url]
        refused = Process.start(command, tmp_path / "refused.log", {"LLMTRACE_CLICKHOUSE_PASSWORD": "wr0ng-pass"})
        assert refused.popen.wait(30) == 2
        assert refused.output.count("refuses user 'default': check the user and the password") == 1
        assert "wr0ng-pass" not in refused.output
        refused.clean_up()


def test_a_clickhouse_that_never_answers_holds_up_neither_the_start_nor_accepting_nor_the_end(tmp_path: Path) -> None:
    with socket.socket() as silent, stack_at(tmp_path) as stack:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        collector = stack.collector("--clickhouse", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - started < 15
        assert "is silent or slow (5 s): accepted spans wait in the log" in collector.output
        assert post(f"{stack.http_url}/v1/traces", request(span(name="kept")))[0] == 200
        asked = time.monotonic()
        assert collector.stop() == 0
        assert time.monotonic() - asked < 20
        stack.store()
        again = stack.collector()
        wait_for(lambda: names(stack) == ["kept"])
        assert again.stop() == 0


def test_sigterm_stores_what_was_accepted_before_it_ends(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        collector = stack.collector()
        stack.wait_migrated()
        assert post(f"{stack.http_url}/v1/traces", request(span(name="last")))[0] == 200
        assert collector.stop() == 0
        assert names(stack) == ["last"]


def test_two_collectors_never_share_a_folder(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.collector()
        second = Process.start(
            ["llmtrace_collector", "--data", str(stack.data), "--http-port", "1"], tmp_path / "second.log"
        )
        assert second.popen.wait(30) == 2
        assert "is in use by another llmtrace (collector.lock is held)" in second.output
        second.clean_up()


def test_a_full_disk_is_pushed_back_and_recovers_by_itself_with_nothing_lost(small_disk: Path) -> None:
    with stack_at(small_disk) as stack:
        collector = stack.collector()
        filler = small_disk / "filler"
        url = f"{stack.http_url}/v1/traces"
        assert post(url, request(span(name="before")))[0] == 200
        with filler.open("wb") as file:
            file.write(os.urandom(shutil.disk_usage(small_disk).free - 1_000_000))
        wait_for(lambda: post(url, request(span(name="full")))[0] == 503)
        _, _, headers = post(url, request(span(name="full")))
        assert headers["retry-after"] == "1"
        assert post(f"{stack.http_url}/healthz", None)[0] == 503
        filler.unlink()
        wait_for(lambda: post(f"{stack.http_url}/healthz", None)[0] == 200)
        assert post(url, request(span(name="after")))[0] == 200
        stack.store()
        wait_for(lambda: {"before", "after"} <= set(names(stack)))
        assert collector.stop() == 0
