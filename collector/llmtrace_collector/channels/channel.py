"""What every channel is: a name, a place to send to, and a pure function from a notice to a message."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from llmtrace_collector.channels import urls
from llmtrace_collector.channels.message import Mail, Request
from llmtrace_collector.channels.notice import Notice


@dataclass(frozen=True, kw_only=True)
class Channel(ABC):
    """A way to people. Frozen; its secrets are in no `repr`."""

    kind: ClassVar[str]
    """As rule files have it."""

    name: str = ""
    """As rule files have it; empty for a webhook that is written into a rule."""

    @abstractmethod
    def message(self, notice: Notice, at: datetime) -> Request | Mail:
        """What one attempt sends.

        Args:
            notice: What people are told.
            at: The time of the attempt.
        """

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it leads, secrets included: never shown."""

    @property
    @abstractmethod
    def shown(self) -> str:
        """Where it leads, as a log or a screen may show it."""

    @property
    def target(self) -> str:
        """A digest of where it leads: another one means that the channel leads elsewhere now."""
        text = self.place if self.kind == "webhook" else f"{self.kind}\n{self.place}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def endpoint(self) -> str:
        """The identity in the outbox: the name, so that notices follow a channel whose address is mended."""
        return f"channel:{self.name}" if self.name else self.target

    def __str__(self) -> str:
        return f"{self.name} ({self.shown})" if self.name else self.shown


@dataclass(frozen=True, kw_only=True)
class HttpChannel(Channel):
    """A channel that is one POST to one URL."""

    url: str = field(repr=False)
    """http or https. Not shown: many services put the secret into the path."""

    @property
    def account(self) -> str:
        """The secret in the body or a header that says whose it is; '' where the URL says it all."""
        return ""

    @property
    def place(self) -> str:
        """See `Channel`."""
        return f"{self.url}\n{self.account}" if self.account else self.url

    @property
    def shown(self) -> str:
        """Scheme, host and port."""
        return urls.shown(self.url)

    def post(self, content: dict[str, Any], *, path: str = "", headers: dict[str, str] | None = None) -> Request:
        """`content` as JSON to the URL, or to a path below it."""
        return Request(url=self.url + path, body=as_json(content), headers=json_headers() | (headers or {}))


def as_json(content: dict[str, Any]) -> bytes:
    """Compact UTF-8; lone surrogates, which UTF-8 cannot hold, become question marks."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def json_headers() -> dict[str, str]:
    """The headers of every POST of ours."""
    return {"content-type": "application/json", "user-agent": "llmtrace-watch"}
