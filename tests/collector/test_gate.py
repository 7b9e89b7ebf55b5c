"""The gate: a command gets its turn under load, and holds up nothing for longer than it lives."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from llmtrace_collector.errors import StoreDownError
from llmtrace_collector.gate import Gate
from support.waiting import wait_for


def test_a_command_gets_in_between_segments_that_follow_each_other_without_a_pause(tmp_path: Path) -> None:
    stop, inside, seen = threading.Event(), threading.Event(), []

    def write() -> None:
        gate = Gate(tmp_path)
        while not stop.is_set():
            with gate.passing(stop.is_set):
                inside.set()
                time.sleep(0.005)
                inside.clear()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            wait_for(inside.is_set)
            with Gate(tmp_path).closed(within_s=5):
                seen.append(inside.wait(0.02))
    finally:
        stop.set()
        writer.join()
    assert seen == [False] * 10


def test_a_closed_gate_is_said_and_ends_with_the_process_that_closed_it(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, time; from llmtrace_collector.gate import Gate\n"
        "with Gate(pathlib.Path(sys.argv[1])).closed(): print('closed', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"closed\n"
        with pytest.raises(StoreDownError, match="held by another process"), Gate(tmp_path).closed(within_s=0.1):
            pass
        with pytest.raises(StoreDownError), Gate(tmp_path).passing(lambda: True):
            pass
        holder.kill()
    with Gate(tmp_path).closed(within_s=5):
        pass
