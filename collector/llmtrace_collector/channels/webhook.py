"""The signed webhook by Standard Webhooks 1.0: the notice's own JSON, verifiable, for programs of one's own.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from llmtrace_collector.channels import signing
from llmtrace_collector.channels.channel import HttpChannel
from llmtrace_collector.channels.message import Request
from llmtrace_collector.channels.notice import Notice


@dataclass(frozen=True, kw_only=True)
class Webhook(HttpChannel):
    """A receiver of signed notices."""

    kind: ClassVar[str] = "webhook"

    keys: tuple[bytes, ...] = field(repr=False)
    """The decoded signing secrets, the present one first; while a secret is changed, the previous one signs too."""

    def message(self, notice: Notice, at: datetime) -> Request:
        """See `Channel`."""
        headers = signing.headers(self.keys, message_id=notice.id, timestamp_s=int(at.timestamp()), body=notice.body)
        return Request(url=self.url, body=notice.body, headers=headers)
