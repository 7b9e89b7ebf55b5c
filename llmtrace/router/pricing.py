"""What a call costs at a target: before it is sent, by a rough count of tokens; afterwards, by what was reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from llmtrace.calls import Call, Server, Usage
from llmtrace.chain import Asked, Reply
from llmtrace.prices import STANDARD, NegotiatedPrices, PriceBook, Unpriced
from llmtrace.reading.messages import reply_as_chat
from llmtrace.reading.replies import read_reply
from llmtrace.router.prompts import prompt_length

_CHARACTERS_A_TOKEN: Final = 4
_OUTPUT_TOKENS: Final = 300
"""Where the app says no limit: only the order of targets depends on it."""
_LIMITS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")


class Pricer:
    """Prices by the user's own prices first and the price list after them."""

    def __init__(self, own: NegotiatedPrices | None = None, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._book = PriceBook(own) if own is not None else PriceBook()
        self._now_ns = now_ns

    def warm(self) -> None:
        """Load the price list now, about 0.7 s, rather than with the first call."""
        self._book.rates(("openai", "openai"), "gpt-4o", STANDARD, self._now_ns())

    def estimate(self, asked: Asked, model: str, server: Server) -> Decimal | None:
        """US dollars this call would take at a model; None when its price is not known."""
        found = self._book.rates((server.provider, server.price_provider), model, STANDARD, self._now_ns())
        if isinstance(found, Unpriced):
            return None
        usage = Usage(input=max(1, prompt_length(asked.body) // _CHARACTERS_A_TOKEN), output=_output_tokens(asked.body))
        priced = found[0].price(usage)
        return None if isinstance(priced, str) else sum(priced.parts.values(), Decimal(0))

    def cost(self, asked: Asked, body: Mapping[str, Any], model: str, server: Server) -> Decimal | None:
        """US dollars that an answer took; None when that is not known."""
        call = Call(operation=asked.operation, server=server, model=model)
        is_messages = asked.operation.dialect == "messages"
        reply = read_reply(asked.operation.wire, reply_as_chat(dict(body)) if is_messages else dict(body))
        cost = self._book.price_call(call, reply, self._now_ns())
        return None if isinstance(cost, Unpriced) else cost.usd


def _output_tokens(body: Mapping[str, Any]) -> int:
    limits = [limit for name in _LIMITS if isinstance(limit := body.get(name), int) and limit > 0]
    return min([*limits, _OUTPUT_TOKENS])


def body_of(reply: Reply, wire: str) -> Mapping[str, Any]:
    """The body of an answer; of a whole stream what its events add up to."""
    if not reply.stream:
        return reply.json
    from llmtrace.reading.events import read_events
    from llmtrace.reading.streamed import add_up

    return add_up(wire, read_events([(0, reply.body)])).body
