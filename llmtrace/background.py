"""Responses that run in the background: their usage is counted once, on the call that first sees them end.

``responses.create(background=True)`` answers before anything is used. What was used stands in whatever is fetched after
the end: by ``retrieve``, by a stream that is taken up again, by ``cancel``; and stands there again at each later fetch.

    create ──▶ queued ──▶ the ledger knows the id ──▶ retrieve: in_progress, nothing used
                                                 └──▶ retrieve: completed ──▶ usage, cost, a link to the creating span
                                                                         └──▶ retrieve: nothing (it is closed)

Only what this process has created is counted, so that several processes that watch one response do not each count
it. A fetch of anything else tells id, model and status alone. The ledger forgets the oldest beyond ``MAX_WAITING``,
whose usage then stays uncounted: a response is counted once or not at all, never twice.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from llmtrace.calls import Call, Reply
from llmtrace.operations import CANCELLED_RESPONSE, RESPONSES, RESPONSES_SOCKET, STORED_RESPONSE
from llmtrace.processes import reset_on_fork

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from llmtrace.accounts import Account
    from llmtrace.readouts import Collected

MAX_WAITING: Final = 10_000
"""Responses that are remembered while they run, about 1 KB each."""

_UNDER_WAY: Final = ("queued", "in_progress")
_ENDED: Final = ("completed", "failed", "incomplete", "cancelled")


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A response that runs in the background."""

    call: Call
    """The call that created it."""
    span_context: SpanContext | None


class Ledger:
    """Background responses this process has created and not yet seen the end of, by id."""

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._limit = limit
        self._begun: OrderedDict[str, Begun] = OrderedDict()
        reset_on_fork(self)

    def open(self, response_id: str, begun: Begun) -> None:
        """Remember one; the oldest is forgotten when there are too many."""
        self._begun[response_id] = begun
        while len(self._begun) > self._limit:
            self._begun.popitem(last=False)

    def close(self, response_id: str) -> Begun | None:
        """The one with this id, for the first who asks."""
        return self._begun.pop(response_id, None)

    def reset_after_fork(self) -> None:
        """Leave to the parent what it has begun."""
        self._begun = OrderedDict()


def background_stage(ledger: Ledger, collected: Collected, account: Account) -> None:
    """Remember a response that goes on, count one that has ended; any other fetch counts nothing."""
    operation = account.call.operation
    if operation in (RESPONSES, RESPONSES_SOCKET):
        _note_created(ledger, collected, account)
    elif operation in (STORED_RESPONSE, CANCELLED_RESPONSE):
        _note_fetched(ledger, collected, account)


def _note_created(ledger: Ledger, collected: Collected, account: Account) -> None:
    reply = account.reply
    in_background = account.sent.get("background") is True or account.body.get("background") is True
    if in_background and reply.id and reply.usage is None and reply.status in _UNDER_WAY:
        ledger.open(reply.id, Begun(call=account.call, span_context=collected.span_context))
        account.call = _billed(account.call, is_billed=False)


def _note_fetched(ledger: Ledger, collected: Collected, account: Account) -> None:
    reply = account.reply
    begun = ledger.close(reply.id) if reply.id and reply.status in _ENDED else None
    if begun is None:
        account.failure = collected.failure()  # the fetch went well, whatever became of the response
        account.reply = Reply(id=reply.id, model=reply.model, status=reply.status, conversation=reply.conversation)
        account.body = {}
        return
    # What was asked, such as the service tier, decides the price; what is told of the fetch stays its own.
    asked = begun.call
    account.call = replace(_billed(account.call, is_billed=True), model=asked.model, parameters=asked.parameters)
    account.links = (*account.links, begun.span_context) if begun.span_context else account.links


def _billed(call: Call, *, is_billed: bool) -> Call:
    return replace(call, operation=replace(call.operation, is_billed=is_billed))
