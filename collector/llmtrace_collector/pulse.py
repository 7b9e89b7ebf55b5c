"""Whether a process that runs also answers."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.error
import urllib.request

from llmtrace_collector.serving import INSTANCE_HEADER

PROBE_EVERY_S = 5.0
SILENT_S = 60.0
"""A service that is alive and has not answered for so long is started again."""
FIRST_SILENT_S = 600.0
"""The same before its first answer: a store may have much to load."""


class Pulse:
    """Asks one process for its health, in a thread of its own, and knows for how long it has been silent.

    Counted in asked questions, not in time: when this process itself was halted (Ctrl-Z, a laptop's lid), nobody
    was silent.
    """

    def __init__(self, url: str, instance: str) -> None:
        """`instance` is what an answer must give back; '' when nothing."""
        self._url = url
        self._instance = instance
        self._unanswered = 0
        self._stopped = threading.Event()
        self.patience_s = FIRST_SILENT_S
        self.said = ""
        """The sentence of its last answer that was not 200."""

    def ask(self) -> int:
        """The status of its answer; 0 when nobody answers or somebody else does."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self._url, timeout=PROBE_EVERY_S) as response:
                status, told = response.status, response.headers.get(INSTANCE_HEADER, "")
        except urllib.error.HTTPError as error:
            status, told = error.code, error.headers.get(INSTANCE_HEADER, "")
            with error:
                self.said = error.read(500).decode(errors="replace").strip()
        except (OSError, http.client.HTTPException):
            return 0
        return int(status) if not self._instance or told == self._instance else 0

    @property
    def silent_s(self) -> float:
        """Since when no question was answered; "spans cannot be accepted" is an answer too."""
        return self._unanswered * PROBE_EVERY_S

    def start(self) -> None:
        """Begins to ask, every few seconds."""
        threading.Thread(target=self._follow, name="pulse", daemon=True).start()

    def _follow(self) -> None:
        pause = PROBE_EVERY_S
        while not self._stopped.wait(pause):
            asked_at = time.monotonic()
            if self.ask():
                self._unanswered = 0
                self.patience_s = SILENT_S
            else:
                self._unanswered += 1
            pause = max(0.0, PROBE_EVERY_S - (time.monotonic() - asked_at))

    def stop(self) -> None:
        """Asks no more."""
        self._stopped.set()
