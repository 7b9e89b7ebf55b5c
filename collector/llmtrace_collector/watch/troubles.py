"""Faults as a visible state: said once when they begin and once when they end, and shown for as long as they last."""

from __future__ import annotations

import logging
from threading import Lock

_log = logging.getLogger("llmtrace_collector.watch")


class Troubles:
    """What does not work just now, by what it concerns."""

    def __init__(self, *, tells: bool = True) -> None:
        """`tells` in the log as well."""
        self._tells = tells
        self._now: dict[str, str] = {}
        self._lock = Lock()
        """Protects `_now`: the evaluator, the deliverer and health checks share it."""

    def begin(self, what: str, sentence: str) -> None:
        """`what` does not work, for the reason in `sentence`."""
        with self._lock:
            new = what not in self._now
            self._now[what] = sentence
        if new and self._tells:
            _log.warning("%s: %s", what, sentence)

    def end(self, what: str) -> None:
        """`what` works."""
        with self._lock:
            ended = self._now.pop(what, None)
        if ended is not None and self._tells:
            _log.info("%s: works again", what)

    def now(self) -> dict[str, str]:
        """A copy of what does not work, by what it concerns."""
        with self._lock:
            return dict(self._now)
