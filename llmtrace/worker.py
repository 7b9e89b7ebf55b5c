"""One thread that does what need not be done on the caller's: reading bodies, pricing, filling and ending spans.

    caller ──append──▶ jobs (bounded in number and bytes) ──popleft──▶ worker ──▶ job()
       └─ when that is full ──▶ last (bounded in number) ──────────────────┘

The caller's share is an append. It wakes the worker only when that sleeps, and a woken worker lingers a moment before
it starts, so that a burst of calls costs one wake-up and the caller's own work goes first.

``put`` is also called from finalisers, which the garbage collector may run at any point of any thread, even inside
``put``. So it takes no lock that could be held there: signals go through ``SimpleQueue``, whose ``put`` is reentrant
(https://docs.python.org/3/library/queue.html#queue.SimpleQueue.put). When the interpreter is going down no thread runs
any more, and starting one would wait for ever: then the work is done on the spot.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

from llmtrace import faults
from llmtrace.currents import suppressed
from llmtrace.processes import reset_on_fork

Job = Callable[[], None]

LINGER_S: Final = 0.02
END_TIMEOUT_S: Final = 5.0
HUNG_TIMEOUT_S: Final = 0.1
CALLS_DROPPED: Final = (
    "llmtrace: more than %d calls (or %d bytes of them) wait for the worker thread; "
    "until it has caught up, spans keep name, time and error, and lose tokens, cost and content"
)
LAST_JOBS_FACTOR: Final = 8
"""So many times ``limit`` last jobs may wait: they hold a span each, and no bodies."""


class Worker:
    """Runs jobs in order, off the caller's thread; bounded, restarted after fork, drained on demand."""

    def __init__(
        self,
        *,
        limit: int,
        limit_bytes: int = 1 << 62,
        name: str = "llmtrace-worker",
        when_full: str = CALLS_DROPPED,
    ) -> None:
        self.dropped = 0
        """Jobs refused because the queue was full."""
        self._name = name
        self._when_full = when_full
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._stopping = False
        self.reset_after_fork()
        reset_on_fork(self)

    def reset_after_fork(self) -> None:
        """Start anew: the thread is gone, locks may be held by others that are, and the jobs are the parent's."""
        self._jobs: deque[tuple[Job, int]] = deque()
        self._last: deque[Job] = deque()
        self._bytes = 0
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._hurry: SimpleQueue[None] = SimpleQueue()
        self._asleep = True
        self._hangs = False
        self._starting = threading.Lock()  # protects the start of _thread
        self._thread: threading.Thread | None = None

    def put(self, job: Job, size_bytes: int = 0) -> bool:
        """Hand over a job that holds so many bytes; False, and a count, when the queue is full. Never blocks."""
        too_big = bool(self._jobs) and self._bytes + size_bytes > self._limit_bytes
        if too_big or len(self._jobs) >= self._limit:
            self.dropped += 1
            faults.say_once(
                f"queue-full: {self._name}",
                self._when_full,
                self._limit,
                self._limit_bytes,
            )
            return False
        # Two threads at once may lose one of the additions; the sum starts from 0 whenever the queue runs empty.
        self._bytes += size_bytes
        self._jobs.append((job, size_bytes))
        if self._asleep or self._thread is None or sys.is_finalizing():
            self._rouse()
        return True

    def put_last(self, job: Job) -> bool:
        """Hand over the little that is left to do for a job that was refused; False when even that is too much."""
        if len(self._last) >= self._limit * LAST_JOBS_FACTOR:
            faults.say_once("last-full", "llmtrace: the worker thread does not catch up; whole spans are lost")
            return False
        self._last.append(job)
        self._rouse()
        return True

    def drain(self, timeout_s: float) -> bool:
        """Wait until everything handed over before this call is done; False when time ran out first."""
        if threading.current_thread() is self._thread:
            return True
        done = threading.Event()
        self._hurry.put(None)
        self._append(done.set, 0)
        return done.wait(timeout_s)

    def drain_finally(self) -> bool:
        """As ``drain``, before the end: who hangs there holds up all that wait for it once, not each of them."""
        drained = self.drain(HUNG_TIMEOUT_S if self._hangs else END_TIMEOUT_S)
        self._hangs = not drained
        return drained

    def stop(self) -> None:
        """Let the thread end. A job that comes later, from a stream that outlives us, starts one for itself."""
        self._stopping = True
        self._hurry.put(None)
        self._wake.put(None)

    def _append(self, job: Job, size_bytes: int) -> None:
        self._jobs.append((job, size_bytes))
        self._rouse()

    def _rouse(self) -> None:
        if sys.is_finalizing():
            self._work()
            return
        if self._asleep:
            self._asleep = False
            self._wake.put(None)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # somebody is at it, and will find the job
        try:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # from 3.12 on, at exit: no more threads
                self._work()
                return
            self._thread = thread
        finally:
            self._starting.release()

    def _run(self) -> None:
        while True:
            self._wake.get()
            with suppress(Empty):
                self._hurry.get(timeout=LINGER_S)
            self._work()
            self._asleep = True
            if self._jobs or self._last:  # one slipped in between the last look and falling asleep
                self._asleep = False
                self._wake.put(None)
            elif self._stopping:
                self._thread = None
                if self._jobs or self._last:
                    self._start()
                return

    def _work(self) -> None:
        # A function of the user's, or a span processor of the app's, may call the very client we watch: that call
        # would be a job, which calls it, and so on.
        with suppressed():
            while job := self._next():
                try:
                    job()
                except BaseException as error:  # noqa: BLE001 - the worker must outlive any job, a SystemExit in it too
                    faults.report("worker", error, on_worker=True)

    def _next(self) -> Job | None:
        # Last jobs first: a drain waits in the other queue, and covers them.
        with suppress(IndexError):  # a finaliser may work the queue at the same time
            if self._last:
                return self._last.popleft()
            if self._jobs:
                job, size_bytes = self._jobs.popleft()
                self._bytes = self._bytes - size_bytes if self._jobs else 0
                return job
        return None
