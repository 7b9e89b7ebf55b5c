"""Backups: taken under load, restored elsewhere, nothing lost and nothing twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from llmtrace_collector.schema.migrate import newest
from llmtrace_collector.wal import places
from llmtrace_collector.wal.record import encode
from support.command import llmtrace
from support.otlp import CALL, post, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

pytestmark = pytest.mark.processes


class Load:
    """A sender that remembers which spans were acknowledged."""

    def __init__(self, stack: Stack) -> None:
        self.sent: list[str] = []
        self.acknowledged: list[str] = []
        self._url = f"{stack.http_url}/v1/traces"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        while not self._stop.is_set():
            one = span({**CALL, "gen_ai.input.messages": "[]"})
            self.sent.append(one.span_id.hex())
            with suppress(OSError):
                if post(self._url, request(one))[0] == 200:
                    self.acknowledged.append(one.span_id.hex())
            self._stop.wait(0.02)  # a pace, not a wait for anything

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def ids(stack: Stack) -> list[str]:
    return [row[0] for row in stack.reader().query("SELECT span_id FROM spans").result_rows]


def restored(folder: Path, backup: Path, then: Callable[[Stack], None]) -> None:
    """Restores into a new folder, starts a store and a collector there, and looks."""
    with stack_at(folder) as stack:
        folder.mkdir(exist_ok=True)
        code, said = llmtrace(stack, "backup", "restore", str(backup))
        assert code == 0, said
        stack.store()
        stack.collector()
        stack.wait_migrated()
        then(stack)


def test_a_backup_under_load_has_each_span_that_was_acknowledged_before_it_once_and_restores_elsewhere(
    tmp_path: Path,
) -> None:
    with stack_at(tmp_path / "a") as stack:
        (tmp_path / "a").mkdir()
        stack.store()
        stack.collector()
        stack.wait_migrated()
        load = Load(stack)
        wait_for(lambda: len(load.acknowledged) > 50)
        before = set(load.acknowledged)
        assert llmtrace(stack, "backup", "create", "first")[0] == 0
        wait_for(lambda: len(load.acknowledged) > len(before) + 50)
        more = set(load.acknowledged)
        code, said = llmtrace(stack, "backup", "create", "second", "--base", "last")
        assert code == 0
        assert "on top of first" in said
        load.stop()
        listed = llmtrace(stack, "backup", "list")[1].splitlines()
        assert [line.split()[0] for line in listed] == ["first", "second"]
        assert "files are whole" in llmtrace(stack, "backup", "verify", "second")[1]
        everything = set(load.sent)

    def look(elsewhere: Stack) -> None:
        wait_for(lambda: more <= set(ids(elsewhere)), 240, what="what was acknowledged before the backup")
        wait_for(lambda: not list((elsewhere.data / "wal").rglob("*.seg")), 240)
        found = ids(elsewhere)
        assert len(found) == len(set(found)), "a span is there twice"
        assert set(found) <= everything
        assert elsewhere.reader().command("SELECT sum(calls) FROM spend_1m") == len(found)
        assert elsewhere.reader().command("SELECT count() FROM span_content") == len(found)
        one = span()
        assert post(f"{elsewhere.http_url}/v1/traces", request(one))[0] == 200
        wait_for(lambda: one.span_id.hex() in ids(elsewhere))

    restored(tmp_path / "b", stack.data / "backups" / "second", look)


def test_a_segment_whose_insert_was_in_doubt_is_not_stored_twice_after_the_restore(tmp_path: Path) -> None:
    with stack_at(tmp_path / "a") as stack:
        (tmp_path / "a").mkdir()
        stack.store()
        segment = stack.data / "wal" / "traces" / f"{time.time_ns():026d}-aaaaaaaa.seg"
        segment.parent.mkdir(parents=True)
        content = encode(project="default", received_ns=time.time_ns(), request=request(span(), span()))
        segment.write_bytes(content)
        places.note_schema(stack.data / "wal", newest())  # a log of this version, not of an earlier one
        collector = stack.collector()
        stack.wait_migrated()
        wait_for(lambda: not segment.exists())
        assert collector.stop() == 0
        assert len(ids(stack)) == 2
        segment.write_bytes(content)  # as if the answer had been lost
        assert llmtrace(stack, "backup", "create", "doubt")[0] == 0

    def look(elsewhere: Stack) -> None:
        wait_for(lambda: not list((elsewhere.data / "wal").rglob("*.seg")), 240)
        assert len(ids(elsewhere)) == 2
        assert elsewhere.reader().command("SELECT sum(calls) FROM spend_1m") == 2

    restored(tmp_path / "b", stack.data / "backups" / "doubt", look)


def test_a_damaged_backup_a_full_folder_and_a_taken_name_are_each_said_in_a_sentence(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        stack.store()
        collector = stack.collector()
        stack.wait_migrated()
        assert post(f"{stack.http_url}/v1/traces", request(span()))[0] == 200
        assert collector.stop() == 0
        assert llmtrace(stack, "backup", "create", "one")[0] == 0
        path = stack.data / "backups" / "one"
        assert "one is there already" in llmtrace(stack, "backup", "create", "one")[1]
        assert "is not empty: restore into a new folder" in llmtrace(stack, "backup", "restore", str(path))[1]
        file = next(each for each in path.rglob("*.bin"))
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 0xFF]))
        code, said = llmtrace(stack, "backup", "verify", "one")
        assert (code, said.count("\n")) == (1, 1)
        assert "is damaged: use another backup" in said
        (path / "manifest.json").unlink()
        assert "is no backup, or one that was cut short" in llmtrace(stack, "backup", "verify", str(path))[1]
        assert llmtrace(stack, "backup", "list") == (0, "")
