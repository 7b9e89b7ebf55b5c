"""Starts the services in order, tells when each is ready, restarts what crashes, stops them in reverse.

stopped ──start──> starting ──answers──> ready ──crash, silence──> waiting (0.5 s, doubling to 10 s) ──> starting
       └ exit code 2, at any time: the operator must change something; everything stops with its sentence

An answer counts when it is this child's: each start has a random text in its environment, which health answers give
back. A port that another program has is not taken for success.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llmtrace_collector.errors import CollectorError, ConfigError
from llmtrace_collector.logfile import LogFile
from llmtrace_collector.pulse import Pulse
from llmtrace_collector.serving import INSTANCE, SUPERVISED

_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 25.0
_STEADY_AFTER_S = 60.0
"""A service that ran this long starts its next restart without a pause again."""
_FOREIGN_S = 20.0
"""For a service without an echo to find its port taken, when somebody answered there before it was started."""
_UNWELL_AFTER_S = 3.0
_LINE_BYTES = 64 * 1024

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Service:
    """One process to keep running."""

    name: str
    module: str
    arguments: Sequence[str]
    health_url: str
    """Answers 200 once the service is ready."""
    shown: str
    """What the line about it says: its address and what it is for."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """On top of this process's own."""
    echoes: bool = True
    """Its health answers give `INSTANCE` back; without that, living on after an answer must do."""


class Supervisor:
    """Keeps services running until `stop`."""

    def __init__(self, services: Sequence[Service], *, log_folder: Path, say: Say) -> None:
        """`say` gets the lines for the person at the terminal; everything else goes to files in `log_folder`."""
        self._children = [_Child(service, log_folder, say) for service in services]
        self._say = say

    def start(self, stop: threading.Event) -> None:
        """Starts the services one after the other, each when the one before is ready; returns early when `stop` is set.

        Raises:
            ConfigError: a service says that the operator must change something; all are stopped.
            CollectorError: one did not become ready; all are stopped.
        """
        try:
            for child in self._children:
                child.look_for_others()
                child.start()
                child.wait_ready(stop)
        except BaseException:
            self.stop()
            raise

    def check(self) -> None:
        """Restarts what has died or fallen silent, each after its pause; call it a few times a second; never blocks.

        Raises:
            ConfigError: a service says that the operator must change something; the caller stops all.
        """
        for child in self._children:
            child.check()

    def stop(self) -> None:
        """Stops all, the last started first. Twice is safe."""
        for child in reversed(self._children):
            child.stop()


class _Child:
    """A service and its current process."""

    def __init__(self, service: Service, log_folder: Path, say: Say) -> None:
        self.service = service
        self._log = LogFile(log_folder / f"{service.name}.log")
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._pulse: Pulse | None = None
        self._last_lines: deque[str] = deque(maxlen=20)
        self._started_at = 0.0
        self._restart_at: float | None = None
        self._pause_s = 0.5
        self._foreign = False

    def look_for_others(self) -> None:
        """Whether somebody answers before this child has started; asked where an answer does not say whose it is."""
        self._foreign = not self.service.echoes and Pulse(self.service.health_url, "").ask() != 0

    def start(self) -> None:
        self._release()
        self._last_lines.clear()
        instance = secrets.token_urlsafe(16)
        self._pulse = Pulse(self.service.health_url, instance if self.service.echoes else "")
        own = {SUPERVISED: "1", INSTANCE: instance, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "llmtrace_collector.supervised", self.service.module, *self.service.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.service.environ, **own},
        )
        self._started_at = time.monotonic()
        self._restart_at = None
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        """Drains the pipe to its end, whatever happens to the lines: a full pipe would halt the service."""
        while raw := process.stdout.readline(_LINE_BYTES) if process.stdout else b"":
            self._log.append(raw)
            line = raw.decode(errors="replace").rstrip()
            self._last_lines.append(line)
            if " WARNING " in line or " ERROR " in line:
                self._tell(line.split(" ", 3)[-1])
        self._log.close()

    def _tell(self, text: str) -> None:
        self._say(f"{self.service.name:<10} {text}")

    def wait_ready(self, stop: threading.Event) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self._is_ready(stop):
            if stop.wait(0.05):
                return
            self._must_live()
            if time.monotonic() > deadline:
                raise CollectorError(
                    f"the {self.service.name} did not become ready in {_READY_WITHIN_S:.0f} s: see {self._log.path}"
                )
        self._must_live()
        if not stop.is_set():
            self._tell(self.service.shown)
        if self._pulse:
            self._pulse.start()

    def _is_ready(self, stop: threading.Event) -> bool:
        status = self._pulse.ask() if self._pulse else 0
        if status == 503 and self._pulse and time.monotonic() - self._started_at > _UNWELL_AFTER_S:
            # It runs, and says itself why it is not well: a full disk, say. That is no reason to take the rest down.
            self._tell(self._pulse.said)
            status = 200
        if status != 200:
            return False
        if not self.service.echoes:
            # Whoever answers may be another: ours would then end, since it binds its port before anything else.
            until = time.monotonic() + (_FOREIGN_S if self._foreign else 0.5)
            while time.monotonic() < until and not stop.wait(0.05):
                self._must_live()
        return self._process is not None and self._process.poll() is None

    def _must_live(self) -> None:
        if self._process is None or self._process.poll() is not None:
            raise self._why_ended(self._process.wait() if self._process else -1)

    def _why_ended(self, code: int) -> CollectorError:
        if self._reader:
            self._reader.join(2)
        lines = list(self._last_lines)
        last = lines[-1] if lines else "it said nothing"
        if code != 2:
            return CollectorError(f"the {self.service.name} ended with code {code} ({last}): see {self._log.path}")
        starts = [at for at, line in enumerate(lines) if line.startswith("llmtrace ")]
        told = "\n".join(lines[starts[-1] :]) if starts else ""
        return ConfigError(told.partition(": ")[2] or f"the {self.service.name} says: {last}")

    def check(self) -> None:
        process = self._process
        if process is None:
            return
        now = time.monotonic()
        if self._restart_at is not None:
            if now >= self._restart_at and process.poll() is not None:
                self.start()
                if self._pulse:
                    self._pulse.start()
        elif process.poll() is not None:
            if process.returncode == 2:
                raise self._why_ended(2)
            self._restart_later(f"ended with code {process.returncode}; starting it again", now)
        elif self._pulse and self._pulse.silent_s > self._pulse.patience_s:
            process.kill()
            self._restart_later(f"runs but has not answered for {self._pulse.silent_s:.0f} s; starting it again", now)

    def _restart_later(self, why: str, now: float) -> None:
        if now - self._started_at > _STEADY_AFTER_S:
            self._pause_s = 0.5
        if self._pulse:
            self._pulse.stop()
        self._tell(f"{why} in {self._pause_s:g} s")
        self._restart_at = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, 10.0)

    def stop(self) -> None:
        process = self._process
        if process is None:
            return
        if self._pulse:
            self._pulse.stop()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._tell("does not stop; killing it (what was acknowledged is on disk)")
                process.kill()
                process.wait()
        self._release()

    def _release(self) -> None:
        """Gives back the pipes and threads of a process that has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._pulse:
            self._pulse.stop()
        if process.stdin:
            process.stdin.close()
        if self._reader:
            self._reader.join(2)
        if process.stdout and not (self._reader and self._reader.is_alive()):
            process.stdout.close()
