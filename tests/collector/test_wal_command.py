"""`llmtrace wal`: looks without changing anything, finds damage, sends again and deletes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtrace_collector.commands.wal import main
from llmtrace_collector.signals import Signal
from llmtrace_collector.wal import Wal, WalLimits, dead
from llmtrace_collector.wal.record import encode
from llmtrace_collector.wal.survey import examine
from support.otlp import post, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for


def record(body: bytes, items: int = 1) -> bytes:
    return encode(project="default", received_ns=time.time_ns(), request=body, items=items)


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@given(st.lists(st.binary(max_size=80), min_size=1, max_size=8), st.data())
def test_any_changed_byte_and_any_cut_of_a_sealed_segment_is_seen(bodies: list[bytes], data: st.DataObject) -> None:
    content = b"".join(record(body) for body in bodies)
    path = Path(f"0001-aa.{len(bodies)}.seg")
    assert examine(path, Signal.TRACES, content).damage == ()
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))
    assert examine(path, Signal.TRACES, bytes(changed)).damage
    assert examine(path, Signal.TRACES, content[:at]).damage


def test_inspect_and_verify_look_at_a_running_log_and_change_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wal = Wal(tmp_path / "wal", WalLimits(segment_bytes=1))
    for n in range(3):
        wal.append(record(b"x" * n, items=n + 1)).result(5)
    wal_folder = tmp_path / "wal"
    wait_for(lambda: len(list(wal_folder.glob("traces/*.seg"))) == 3)
    growing = Wal(tmp_path / "other" / "wal", WalLimits(segment_age_s=3600))
    growing.append(record(b"grows", items=7), signal=Signal.LOGS).result(5)

    before = content_of(tmp_path)
    assert main(["verify", "--data", str(tmp_path)]) == 0
    assert main(["inspect", "--json", "--data", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "3 segments checked, all sound" in out
    shown = json.loads(out[out.index("{") :])
    assert [segment["items"] for segment in shown["segments"]] == [1, 2, 3]
    assert main(["inspect", "--data", str(tmp_path / "other")]) == 0
    assert "1 segments, 7 items" in capsys.readouterr().out

    file = sorted(wal_folder.glob("traces/*.seg"))[1]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert main(["verify", "--data", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert f"DAMAGED  traces/{file.name}: " in out
    assert "2 of 2 items are not there" in out
    assert content_of(tmp_path) == {**before, str(file.relative_to(tmp_path)): bytes(content)}
    growing.close()
    wal.close()


def test_what_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--data", str(tmp_path)]) == 2
    assert "there is no log at" in capsys.readouterr().err
    Wal(tmp_path / "wal").close()
    assert main(["discard", "--data", str(tmp_path), "nobody"]) == 2
    assert 'there is no dead letter "nobody"' in capsys.readouterr().err
    (tmp_path / "noise.seg").write_bytes(b"noise")
    assert main(["replay", "--data", str(tmp_path), "--signal", "traces", str(tmp_path / "noise.seg")]) == 2
    assert "no sound record" in capsys.readouterr().err


POISON = b"\x0a\x7f"


@pytest.mark.processes
def test_dead_letters_are_sent_again_or_deleted_and_files_handed_in_once_and_the_books_stay_right(
    tmp_path: Path,
) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        collector = stack.collector()
        wal_folder, data = stack.data / "wal", ["--data", str(stack.data)]
        for _ in range(2):
            assert post(f"{stack.http_url}/v1/traces", request(span(name="through the door")))[0] == 200
        collector.kill_group()
        # Two records the store will not take, as if the door had let them through, and one it does.
        leave = wal_folder / "traces" / f"{time.time_ns():026d}-bbbbbbbb.open"
        leave.write_bytes(record(POISON, 3) + record(request(span(name="good"))) + record(POISON, 4))

        collector = stack.collector()
        letters = wait_for(lambda: len(found := dead.letters(wal_folder)) == 2 and found, 150)
        assert sorted(letter.items for letter in letters) == [3, 4]
        wait_for(lambda: books(stack).get("dead_lettered") == 7, 150)
        first, second = (letter.path.stem for letter in letters)

        assert main(["replay", *data, first]) == 0
        again = wait_for(lambda: [x for x in dead.letters(wal_folder) if x.path.stem == f"{first}-0"], 150)
        assert main(["discard", *data, second]) == 0
        wait_for(lambda: books(stack).get("discarded") == 4, 150)
        assert (again[0].items, books(stack)["dead_lettered"], books(stack)["missing"]) == (3, 3, 0)
        assert not list(wal_folder.glob(f"dead/traces/{second}.records"))

        file = tmp_path / "0001-from-elsewhere.seg"
        file.write_bytes(record(request(span(name="handed in"))))
        for _ in range(2):
            assert main(["replay", *data, "--signal", "traces", str(file)]) == 0
            wait_for(lambda: not list(wal_folder.glob("given/traces/*.seg")), 150)
        assert sorted(row[0] for row in stack.reader().query("SELECT name FROM spans").result_rows) == [
            "good",
            "handed in",
            "through the door",
            "through the door",
        ]
        assert books(stack)["missing"] == 0
        assert collector.stop() == 0


def books(stack: Stack) -> dict[str, int]:
    return json.loads(post(f"{stack.http_url}/readyz", None)[1])["items"].get("traces", {})
