"""Explanations of alerts within a bound of time: a notice is never lost to them, and waits a moment at most.

    evaluator --questions--> a thread with its own connection --answers, as far as they came in time--> evaluator

The thread is one: while it is stuck with a store that does not answer, alerts go without explanations at once.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from llmtrace_collector.errors import StoreError
from llmtrace_collector.explain import Explanation, Question, explain
from llmtrace_collector.watch.engine import Engine

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

    from llmtrace_collector.watch.counters import Counters

_log = logging.getLogger("llmtrace_collector.watch")

BUDGET_S = 3.0
"""For all alerts of an evaluation together."""

MOST = 10
"""Alerts of an evaluation that are explained; when more fire at once, it is not for calls of one of them."""

Ask: TypeAlias = Callable[[Question], Explanation]


class Explainer:
    """Answers questions while there is time."""

    def __init__(
        self, connect: Callable[[], Client], counters: Counters, *, budget_s: float = BUDGET_S, ask: Ask | None = None
    ) -> None:
        """Nothing runs and nothing is connected before the first question.

        Args:
            connect: Makes a ClickHouse client.
            counters: Of the watch; counts alerts without the explanation they should have.
            budget_s: For all questions of one call of `answers`.
            ask: Answers one question; by way of `connect` unless given.
        """
        engine = Engine(connect)
        self._ask = ask or (lambda question: explain(engine.rows, question))
        self._counters = counters
        self._budget_s = budget_s
        self._busy = threading.Event()

    def answers(self, questions: Mapping[int, Question]) -> dict[int, Explanation]:
        """Answers by the key of their question; one that failed, or did not come in time, is not there."""
        asked = dict(list(questions.items())[:MOST])
        if not asked:
            return {}
        found: dict[int, Explanation] = {}
        if not self._busy.is_set():
            self._busy.set()
            results: queue.SimpleQueue[tuple[int, Explanation] | None] = queue.SimpleQueue()
            given_up = threading.Event()
            threading.Thread(
                target=self._work, args=(asked, results, given_up), name="llmtrace-watch-explain", daemon=True
            ).start()
            found = self._gather(results)
            given_up.set()
        self._counters.unexplained += len(questions) - len(found)
        return found

    def _gather(self, results: queue.SimpleQueue[tuple[int, Explanation] | None]) -> dict[int, Explanation]:
        found: dict[int, Explanation] = {}
        deadline = time.monotonic() + self._budget_s
        try:
            while result := results.get(timeout=max(0.0, deadline - time.monotonic())):
                found[result[0]] = result[1]
        except queue.Empty:
            _log.info("an explanation took too long; the notice goes without")
        return found

    def _work(
        self,
        asked: Mapping[int, Question],
        results: queue.SimpleQueue[tuple[int, Explanation] | None],
        given_up: threading.Event,
    ) -> None:
        try:
            for key, question in asked.items():
                if given_up.is_set():
                    return
                try:
                    answer = self._ask(question)
                    if answer.calls:
                        results.put((key, answer))
                except StoreError as error:
                    _log.info("an alert cannot be explained: %s", error)
                except Exception:  # noqa: BLE001 - a defect of ours must not silence the alert
                    _log.exception("an alert cannot be explained; its notice goes without")
        finally:
            self._busy.clear()
            results.put(None)
