"""Spans on their way to the collector: in batches, within limits, and without the app noticing when it is away.

    on_end ──▶ queue (bounded in spans and bytes) ──▶ thread ──▶ sender
                 ▲                                      │ away, busy: the batch goes back, the next attempt waits
                 └──────────────────────────────────────┘ refused: it is lost, and said so

While the collector is known to be away an attempt is short, and nobody waits for more than one.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import SpanProcessor

from llmtrace import faults, semconv
from llmtrace.batches import SpanQueue
from llmtrace.processes import reset_on_fork
from llmtrace.sending import Sender, Sent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from llmtrace.batches import Sized
    from llmtrace.settings import Settings

CLOSE_TIMEOUT_S: Final = 2.0
"""How long an exit may wait for a collector that does not take spans."""
CLOSE_AT_MOST_S: Final = 10.0
"""How long it may wait for one that does, batch by batch."""
PATIENCE_S: Final = 1.0
"""How long a ``force_flush`` of the app's provider may wait for us, and one attempt at a collector that is away."""
BACKOFF_S: Final = (1.0, 2.0, 5.0, 15.0, 30.0)
CLOSING_BACKOFF_S: Final = 0.2


class OurSpansProcessor(SpanProcessor):
    """Sends our spans, and only ours: on a provider of the app the rest is not ours to send."""

    def __init__(self, settings: Settings, *, is_sent_elsewhere: Callable[[], bool] = bool) -> None:
        self._settings = settings
        self._is_sent_elsewhere = is_sent_elsewhere
        self.reset_after_fork()
        reset_on_fork(self)
        with self._state:
            self._start()  # now, for at the end of the process it may be too late

    def reset_after_fork(self) -> None:
        """Start anew: the thread is gone; what was queued and the open connections are the parent's."""
        self._sender = Sender(self._settings)
        self._state = threading.Condition()  # protects everything below
        self._queue = SpanQueue(limit=self._settings.span_queue_size, limit_bytes=self._settings.queue_bytes)
        self._due_at = 0.0
        self._in_flight: list[Sized] = []
        self._in_flight_since = 0.0
        self._accepted = 0
        self._settled = 0
        """Of the accepted, how many were delivered or lost. First in, first settled."""
        self._hurry_to = 0
        """Until so many are settled, batches go out without delay."""
        self._lost = 0
        """Spans lost since a flush last told so."""
        self._failures = 0
        self._failed_in_a_row = 0
        self._close_by: float | None = None
        self._close_at_most = 0.0
        self._closed = False
        self._flushed_already = 0
        self._thread: threading.Thread | None = None

    # --- what the SDK calls -------------------------------------------------------------------------------------

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span if it is ours, and no exporter of the app sends it to the same place."""
        scope = span.instrumentation_scope
        if scope is None or scope.name != semconv.SCOPE_NAME or not (span.context and span.context.trace_flags.sampled):
            return
        if self._is_sent_elsewhere():
            return
        with self._state:
            if self._closed:
                return
            if not self._queue:
                self._set_due(self._settings.schedule_delay_s)
            self._accepted += 1
            self._made_room(self._queue.push(span))
            if len(self._queue) == self._settings.batch_size and not self._failed_in_a_row:
                self._set_due(0)
            self._start()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """As ``flush``, but with the little patience that the app's own flush is to have for us."""
        with self._state:
            if self._flushed_already:
                return True
            patience_s = 0 if self._seems_away() else PATIENCE_S
        return self.flush(min(timeout_millis / 1000, patience_s))

    def shutdown(self) -> None:
        """Send what is left, if the collector takes it, and end."""
        self.hasten()
        with self._state:
            self._closed = True
            self._hurry_to = self._accepted
            self._set_due(0)
            thread, self._thread = self._thread, None
        if thread is None:
            self._run()  # there was nothing to send, or no thread could be started any more
        with self._state:
            self._wait_until(self._is_idle, CLOSE_AT_MOST_S)
            self._give_up()
        if thread is not None:
            thread.join(self._left_s())
        if thread is None or not thread.is_alive():
            self._sender.close()

    # --- what llmtrace calls ------------------------------------------------------------------------------------

    def flush(self, timeout_s: float) -> bool:
        """Wait for all that is queued now; False when some of it, or something since the last flush, was not taken.

        An attempt is made at once, however long the collector has been away. When it fails nobody waits on.
        """
        with self._state:
            target, failures = self._accepted, self._failures
            if self._settled < target:
                self._hurry_to = target
                self._set_due(0)
            self._wait_until(lambda: self._settled >= target or self._failures > failures, timeout_s)
            delivered = self._settled >= target and not self._lost
            self._lost = 0
            return delivered

    def hasten(self) -> None:
        """From now on there is an end: see ``CLOSE_TIMEOUT_S``."""
        with self._state:
            if self._close_by is None:
                self._close_by = time.monotonic() + CLOSE_TIMEOUT_S
                self._close_at_most = time.monotonic() + CLOSE_AT_MOST_S

    @contextmanager
    def flushed_already(self) -> Iterator[None]:
        """Inside, ``force_flush`` has nothing to do: its False would keep the SDK from flushing what comes after us."""
        with self._state:
            self._flushed_already += 1
        try:
            yield
        finally:
            with self._state:
                self._flushed_already -= 1

    # --- with the lock held -------------------------------------------------------------------------------------

    def _made_room(self, number: int) -> None:
        if number:
            self._lost += number
            self._settled += number
            faults.say_once("span-queue", "llmtrace: too many spans wait for export; the oldest are lost")

    def _set_due(self, delay_s: float) -> None:
        self._due_at = time.monotonic() + delay_s
        self._state.notify_all()

    def _wait_until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            left_s = deadline - time.monotonic()
            if self._close_by is not None:  # which every batch that is taken puts off
                left_s = min(left_s, self._left_s())
            if left_s <= 0:
                return
            self._state.wait(left_s)

    def _is_idle(self) -> bool:
        return not self._queue and not self._in_flight

    def _seems_away(self) -> bool:
        waits = bool(self._in_flight) and time.monotonic() - self._in_flight_since > PATIENCE_S
        return waits or self._failed_in_a_row > 0

    def _left_s(self) -> float:
        return max(0.0, (self._close_by or 0.0) - time.monotonic())

    def _attempt_s(self) -> float:
        timeout_s = self._settings.export_timeout_s
        if self._close_by is not None:
            return min(timeout_s, max(self._left_s(), 0.1))
        return min(timeout_s, PATIENCE_S) if self._failed_in_a_row else timeout_s

    def _start(self) -> None:
        if self._thread is not None or sys.is_finalizing():  # then starting one would wait for ever
            return
        thread = threading.Thread(target=self._run, name="llmtrace-export", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # from 3.12 on, at exit: no more threads
            return
        self._thread = thread

    def _give_up(self) -> None:
        number = self._queue.clear() + len(self._in_flight)
        self._in_flight = []
        if number:
            self._sender.say_away()
            self._lost += number
            self._settled += number

    # --- the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (timeout_s := self._next_attempt()) is not None:
            sent = self._sender.send([span for span, _ in self._in_flight], timeout_s)
            with self._state:
                self._settle(sent)
                self._state.notify_all()

    def _next_attempt(self) -> float | None:
        """Wait for a batch to be due, and take it; the seconds the attempt may take, or None at the end."""
        with self._state:
            while not self._queue or time.monotonic() < self._due_at:
                if self._closed and not self._queue:
                    return None
                self._state.wait(max(0.0, self._due_at - time.monotonic()) if self._queue else None)
            self._in_flight = self._queue.take(self._settings.batch_size)
            self._in_flight_since = time.monotonic()
            return self._attempt_s()

    def _settle(self, sent: Sent) -> None:
        if not self._in_flight:  # given up in the meantime
            return
        if sent in (Sent.AWAY, Sent.BUSY):
            self._failed(sent)
            return
        if sent is Sent.REFUSED:
            self._sender.say_refused()
            self._lost += len(self._in_flight)
        self._settled += len(self._in_flight)
        self._in_flight = []
        self._failed_in_a_row = 0
        if self._close_by is not None:
            self._close_by = min(time.monotonic() + CLOSE_TIMEOUT_S, self._close_at_most)
        at_once = self._settled < self._hurry_to or len(self._queue) >= self._settings.batch_size
        self._set_due(0 if at_once else self._settings.schedule_delay_s)

    def _failed(self, sent: Sent) -> None:
        self._sender.say_away()
        self._failures += 1
        backoff_s = BACKOFF_S[min(self._failed_in_a_row, len(BACKOFF_S) - 1)]
        self._failed_in_a_row += 1
        self._hurry_to = 0
        if self._close_by is not None and (sent is Sent.AWAY or self._left_s() <= CLOSING_BACKOFF_S):
            self._give_up()
            return
        self._made_room(self._queue.put_back(self._in_flight))
        self._in_flight = []
        self._set_due(backoff_s if self._close_by is None else CLOSING_BACKOFF_S)
