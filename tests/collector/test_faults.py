"""Faults done to real processes under load, in short; `benchmarks/faults.py` does them longer and more often."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import faults
from support.load import books
from support.otlp import post, request, span
from support.services import stack_at
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
    return 3600 * 10**9 if os.path.exists(os.environ["CLOCK_SET_BACK"]) else 0
time.time_ns = lambda: _ns() - _back()
time.time = lambda: _s() - _back() / 1e9
"""
"""What Python loads before anything else: a clock that is an hour behind once a file is there."""


def test_a_clock_set_back_while_it_runs_changes_neither_order_nor_counts(tmp_path: Path) -> None:
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(CLOCK)
    set_back = tmp_path / "set-back"
    environ = {"PYTHONPATH": str(tmp_path / "clock"), "CLOCK_SET_BACK": str(set_back)}
    with stack_at(tmp_path, **environ) as stack:
        collector = stack.collector()
        traces = stack.data / "wal" / "traces"
        for name in ("first", "second", "third", "fourth"):
            if name == "third":
                set_back.touch()
            if name == "fourth":
                assert collector.stop() == 0
                collector = stack.collector()
            before = len(list(traces.glob("*.seg")))
            assert post(f"{stack.http_url}/v1/traces", request(span(name=name)))[0] == 200
            wait_for(lambda before=before: len(list(traces.glob("*.seg"))) > before)
        in_order = [path.read_bytes() for path in sorted(traces.glob("*.seg"))]
        for name, content in zip(("first", "second", "third", "fourth"), in_order, strict=True):
            assert name.encode() in content
        stack.store()
        wait_for(lambda: books(stack).get("stored") == 4 and books(stack)["missing"] == 0, 150)
        assert collector.stop() == 0
