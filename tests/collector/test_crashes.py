"""kill -9 at any moment, again and again, under load: nothing acknowledged is lost and nothing is doubled."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from support.faults import kill_at_random
from support.load import Load, ids
from support.services import stack_at
from support.waiting import wait_for

pytestmark = pytest.mark.processes

ROUNDS = 4
"""`benchmarks/faults.py` has fifty, also with one receiver."""


def test_every_acknowledged_span_is_stored_exactly_once(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        count = kill_at_random(stack, ROUNDS, seed=20261122, options=("--receivers", "2"))
    assert count.is_exact, count
    assert count.acknowledged > 20, "there was hardly any load"


def test_killing_the_supervisor_alone_leaves_no_orphan_and_a_restart_loses_nothing(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        up = stack.up("--no-dashboard")
        load = Load(stack.http_port)
        wait_for(lambda: len(load.acknowledged) > 50)
        up.kill()
        load.stop()
        started = time.monotonic()
        again = stack.up("--no-dashboard")
        assert time.monotonic() - started < 20
        wait_for(lambda: set(load.acknowledged) <= set(ids(stack)), what="the acknowledged spans")
        assert again.stop() == 0


def test_killing_the_whole_group_is_survivable(tmp_path: Path) -> None:
    with stack_at(tmp_path) as stack:
        up = stack.up("--no-dashboard")
        load = Load(stack.http_port)
        wait_for(lambda: len(load.acknowledged) > 50)
        up.kill_group()
        load.stop()
        again = stack.up("--no-dashboard")
        wait_for(lambda: set(load.acknowledged) <= set(ids(stack)), what="the acknowledged spans")
        assert again.stop() == 0
