"""Faults done to real processes under load, in short; `benchmarks/faults.py` does them longer and more often."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import faults
from support.load import books, ids
from support.otlp import post, request, span
from support.services import Stack, stack_at
from support.waiting import wait_for

pytestmark = pytest.mark.processes


def test_inserts_whose_answer_is_lost_are_repeated_and_change_nothing(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        count = faults.answers_lost(stack, 2)
    assert count.is_exact, count


def test_a_store_that_was_away_under_load_gets_everything_once(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        count = faults.store_away(stack, 4.0)
    assert count.is_exact, count
    assert count.acknowledged > 20, "there was hardly any load"


def test_answers_that_come_after_the_collector_asked_again_change_nothing(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        count = faults.answers_too_late(stack, 1)
    assert count.is_exact, count
    assert count.acknowledged > 20, "there was hardly any load"


def test_a_store_that_stands_still_and_goes_on_gets_everything_once(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        count = faults.store_stalled(stack, faults.IMPATIENT_S + 2)
    assert count.is_exact, count
    assert count.acknowledged > 20, "there was hardly any load"


def test_sigterm_under_load_ends_with_0_and_everything_acknowledged_is_stored(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        count = faults.stopped_under_load(stack, 1)
    assert count.is_exact, count
    assert count.acknowledged > 20, "there was hardly any load"


def test_segments_damaged_cut_or_removed_cost_what_was_in_them_and_the_books_say_so(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        known = faults.damaged_on_disk(stack)
        letters = [path.read_text() for path in (stack.data / "wal/dead/traces").glob("*.reason")]
    damaged, cut, removed = 1, 2, 4
    assert known["missing"] == removed
    assert known["dead_lettered"] == damaged + cut
    assert known["stored"] == 17 - damaged - cut - removed
    assert all("the checksum is wrong: damage on disk" in letter for letter in letters)


CLOCK = """
import os, time
_ns, _s = time.time_ns, time.time
def _back() -> int:
    if not os.path.exists(os.environ["CLOCK_SET_BACK"]):
        return 0
    with open(os.environ["CLOCK_SET_BACK"]) as file:
        return int(file.read() or 3600) * 10**9
time.time_ns = lambda: _ns() - _back()
time.time = lambda: _s() - _back() / 1e9
"""
"""What Python loads before anything else: a clock that is behind by the seconds in a file, once that is there."""


def clock_at(folder: Path) -> dict[str, str]:
    """The environment of processes with such a clock; its file is `folder/set-back`."""
    (folder / "clock").mkdir()
    (folder / "clock" / "sitecustomize.py").write_text(CLOCK)
    return {"PYTHONPATH": str(folder / "clock"), "CLOCK_SET_BACK": str(folder / "set-back")}


def test_a_store_away_for_minutes_fills_the_log_to_its_quota_and_no_further_and_then_gets_everything_once(
    tmp_path: Path,
) -> None:
    quota = 1024**2
    clock = clock_at(tmp_path)
    with stack_at(tmp_path, **clock) as stack:
        collector = stack.collector("--wal-quota-mib", "1")
        sent: set[str] = set()
        while True:
            spans = [span({"pad": os.urandom(1500).hex()}) for _ in range(5)]
            status, _, headers = post(f"{stack.http_url}/v1/traces", request(*spans))
            if status != 200:
                break
            sent |= {one.span_id.hex() for one in spans}
        assert (status, headers["retry-after"]) == (503, "1")
        told = json.loads(post(f"{stack.http_url}/readyz", None)[1])["backlog"]
        assert 0.9 * quota < told["bytes"] <= quota
        assert told["bytes"] > 3000 * len(sent)
        # Ten minutes later.
        Path(clock["CLOCK_SET_BACK"]).write_text("-600")
        backlog = wait_for(
            lambda: (b := json.loads(post(f"{stack.http_url}/readyz", None)[1])["backlog"])["oldest_s"] > 600 and b
        )
        assert backlog["oldest_s"] < 900
        code, said = llmtrace_doctor(stack)
        assert code == 1
        assert "look into the collector's and the store's logs" in said
        Path(clock["CLOCK_SET_BACK"]).unlink()
        store = stack.store()
        wait_for(lambda: books(stack).get("waiting") == 0 and books(stack)["stored"] == len(sent), 150)
        assert sorted(sent) == sorted(ids(stack))
        assert post(f"{stack.http_url}/v1/traces", request(span()))[0] == 200
        assert (collector.stop(), store.stop()) == (0, 0)


def llmtrace_doctor(stack: Stack) -> tuple[int, str]:
    where = ["--endpoint", stack.http_url, "--store-url", stack.store_url]
    done = subprocess.run(
        [sys.executable, "-m", "llmtrace.cli", "doctor", *where], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def test_a_clock_set_back_while_it_runs_changes_neither_order_nor_counts(tmp_path: Path) -> None:
    clock = clock_at(tmp_path)
    set_back = Path(clock["CLOCK_SET_BACK"])
    with stack_at(tmp_path, **clock) as stack:
        collector = stack.collector(*faults.SOON_SEALED)
        traces = stack.data / "wal" / "traces"
        for name in ("first", "second", "third", "fourth"):
            if name == "third":
                set_back.touch()
            if name == "fourth":
                assert collector.stop() == 0
                collector = stack.collector(*faults.SOON_SEALED)
            before = len(list(traces.glob("*.seg")))
            assert post(f"{stack.http_url}/v1/traces", request(span(name=name)))[0] == 200
            wait_for(lambda before=before: len(list(traces.glob("*.seg"))) > before)
        in_order = [path.read_bytes() for path in sorted(traces.glob("*.seg"))]
        for name, content in zip(("first", "second", "third", "fourth"), in_order, strict=True):
            assert name.encode() in content
        stack.store()
        wait_for(lambda: books(stack).get("stored") == 4 and books(stack)["missing"] == 0, 150)
        assert collector.stop() == 0
