"""Sends whatever a channel made: the network as the deliverer and `llmtrace webhooks test` know it."""

from __future__ import annotations

from typing import Protocol

from llmtrace_collector.channels import posting, smtp
from llmtrace_collector.channels.addresses import Allowed
from llmtrace_collector.channels.gateway import Gateway
from llmtrace_collector.channels.message import Answer, Mail, Request

TIMEOUT_S = 15.0
"""For one attempt as a whole; Standard Webhooks asks for 15 to 30 seconds."""


class Post(Protocol):
    """Makes one attempt and never raises for what a receiver or the network does."""

    def __call__(self, message: Request | Mail) -> Answer:
        """The receiver's answer, or why there is none."""
        ...


class Sender:
    """The real `Post`; a connection for each attempt, safe for many threads."""

    def __init__(self, gateway: Gateway | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        """Without a gateway: public addresses only."""
        self._gateway = gateway or Gateway(Allowed())
        self._timeout_s = timeout_s

    def __call__(self, message: Request | Mail) -> Answer:
        """See `Post`."""
        send = posting.send if isinstance(message, Request) else smtp.send
        return send(message, self._gateway, self._timeout_s)  # type: ignore[arg-type]  # each takes its own
