"""What a call cost, for budgets: its usage as reported, at the price list."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from llmtrace.calls import Call, Reply
from llmtrace.chain import Asked
from llmtrace.chain import Reply as Answer
from llmtrace.prices import NegotiatedPrices, PriceBook, Unpriced
from llmtrace.reading.events import read_events
from llmtrace.reading.replies import read_reply
from llmtrace.reading.requests import read_request
from llmtrace.reading.streamed import add_up


class Spending:
    """Prices answers; made once, for any thread."""

    def __init__(self, own: NegotiatedPrices | None = None) -> None:
        self._book = PriceBook(own or NegotiatedPrices())
        self._lock = threading.Lock()  # protects _book, which remembers what it looked up

    def usd(self, asked: Asked, answer: Answer) -> float | None:
        """Dollars; None where usage or price is not known."""
        wire = asked.operation.wire
        body: Mapping[str, Any] = answer.json
        if answer.stream:
            body = add_up(wire, read_events([(0, answer.body)], timed=False)).body
        call = read_request(Call(operation=asked.operation, server=asked.server, model=asked.model), dict(asked.body))
        reply: Reply = read_reply(wire, dict(body))
        with self._lock:
            cost = self._book.price_call(call, reply, time.time_ns())
        return None if isinstance(cost, Unpriced) else float(cost.usd)
