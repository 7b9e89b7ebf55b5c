"""Further receiver processes on the same ports: started, restarted and stopped by the collector.

    collector (receives, writes, watches) ─┬─ receiver 1 ── wal/receivers/1/ ─┐
      ▲  sockets shared by SO_REUSEPORT    └─ receiver 2 ── wal/receivers/2/ ─┤
      └────────────────────── the one writer finds their sealed segments ─────┘

A receiver cannot outlive the collector (`supervised`). What a killed one left open is sealed when it is back.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from llmtrace_collector.serving import SUPERVISED

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.25
_PAUSE_S = 1.0
_STOP_WITHIN_S = 10.0


class Receivers:
    """The processes, looked after by a thread."""

    def __init__(self, count: int, arguments: Sequence[str], look: Callable[[], None]) -> None:
        """`count` receivers numbered from 1; `look` is called again and again while they run."""
        self._arguments = tuple(arguments)
        self._look = look
        self._stop = threading.Event()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._restart_at: dict[int, float] = {}
        self._count = count
        self._thread = threading.Thread(target=self._run, name="receivers", daemon=True)

    def start(self) -> None:
        """Starts them and looks after them."""
        for number in range(1, self._count + 1):
            self._start(number)
        if self._count:
            self._thread.start()

    def stop(self) -> None:
        """Asks all to stop and waits; what they have acknowledged is sealed then. Twice is safe."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for process in self._processes.values():
            process.terminate()
        deadline = time.monotonic() + _STOP_WITHIN_S
        for number, process in self._processes.items():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("receiver %d does not stop; killing it (what was acknowledged is on disk)", number)
                process.kill()
                process.wait()
            if process.stdin:
                process.stdin.close()
        self._processes.clear()

    def _start(self, number: int) -> None:
        command = [sys.executable, "-m", "llmtrace_collector.supervised", "llmtrace_collector.receiver"]
        self._processes[number] = subprocess.Popen(
            [*command, "--number", str(number), *self._arguments],
            stdin=subprocess.PIPE,
            env={**os.environ, SUPERVISED: "1"},
        )

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            self._look()
            for number, process in tuple(self._processes.items()):
                if process.poll() is not None:
                    self._again(number, process.returncode)

    def _again(self, number: int, code: int) -> None:
        now = time.monotonic()
        if number not in self._restart_at:
            log.warning("receiver %d ended with code %d; starting it again", number, code)
            self._restart_at[number] = now + _PAUSE_S
        if now >= self._restart_at[number]:
            del self._restart_at[number]
            ended = self._processes.pop(number)
            if ended.stdin:
                ended.stdin.close()
            self._start(number)
