"""Senders that remember what was acknowledged, and the count of where it all went."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import suppress
from dataclasses import dataclass

from support.otlp import CALL, post, request, span
from support.services import Stack
from support.waiting import wait_for

SENDERS = 4
SPANS = 5


class Load:
    """Senders that never repeat a request, and remember what was acknowledged."""

    def __init__(self, port: int, *, senders: int = SENDERS, spans: int = SPANS, pause_s: float = 0.0) -> None:
        self._port = port
        self._spans = spans
        self._pause_s = pause_s
        self._stop = threading.Event()
        self.acknowledged: set[str] = set()
        self.unknown: set[str] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(senders)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        while not self._stop.is_set():
            spans = [span({**CALL, "pad": "x" * 500}) for _ in range(self._spans)]
            ids = {one.span_id.hex() for one in spans}
            taken = self._post(request(*spans))
            with self._lock:
                (self.acknowledged if taken else self.unknown).update(ids)
            if self._pause_s or not taken:
                self._stop.wait(self._pause_s or 0.05)

    def _post(self, body: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Ends the senders; what they were sending is acknowledged or unknown then."""
        self._stop.set()
        for thread in self._threads:
            thread.join(20)


@dataclass(frozen=True, kw_only=True)
class Count:
    """Where the spans of a load went."""

    acknowledged: int
    stored: int
    """Those and the ones whose sender got no answer."""
    lost: int
    """Acknowledged and not stored."""
    doubled: int
    strange: int
    """Stored and never sent."""
    rollup: int
    """What the rollup by the minute has beyond (or, negative, below) the rows."""
    missing: int
    """By the collector's own books."""

    @property
    def is_exact(self) -> bool:
        """Nothing is lost, doubled or missing anywhere."""
        return not (self.lost or self.doubled or self.strange or self.rollup or self.missing)


def ids(stack: Stack) -> list[str]:
    """The span ids in the store, each as often as it is there."""
    return [row[0] for row in stack.reader().query("SELECT span_id FROM spans").result_rows]


def stored(stack: Stack) -> list[str]:
    """The names of the spans in the store; none while that is on its way."""
    try:
        return [row[0] for row in stack.reader().query("SELECT name FROM spans ORDER BY name").result_rows]
    except Exception:  # noqa: BLE001 - the store is on its way
        return []


def books(stack: Stack) -> dict[str, int]:
    """The terms of the invariant for traces, as `/readyz` has them."""
    items: dict[str, dict[str, int]] = json.loads(post(f"{stack.http_url}/readyz", None)[1]).get("items", {})
    return items.get("traces", {})


def counted(stack: Stack, load: Load, *, within_s: float = 600.0) -> Count:
    """Waits until the (stopped) load is stored, as far as it will be, and counts; store and collector run."""

    def settled() -> dict[str, int] | None:
        known = books(stack)
        rows = stack.reader().query("SELECT count() FROM spans").result_rows[0][0]
        return known if known.get("waiting") == 0 and known["stored"] == rows else None

    with suppress(AssertionError):  # the count tells
        wait_for(lambda: load.acknowledged <= set(ids(stack)), within_s)
    known = wait_for(settled, within_s, what=f"the books to agree with the rows: {books(stack)}")
    stored = ids(stack)
    rollup = int(stack.reader().query("SELECT sum(calls) FROM spend_1m").result_rows[0][0])
    return Count(
        acknowledged=len(load.acknowledged),
        stored=len(stored),
        lost=len(load.acknowledged - set(stored)),
        doubled=len(stored) - len(set(stored)),
        strange=len(set(stored) - load.acknowledged - load.unknown),
        rollup=rollup - len(stored),
        missing=known["missing"],
    )
