"""What goes over the network and what comes back: plain frozen data, no part of which a log may show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Request:
    """One POST."""

    url: str = field(repr=False)
    """Not shown: many services put the secret into the path."""
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """Without `host`, which comes from the URL."""


class Security(StrEnum):
    """How a connection to a mail server is secured."""

    TLS = "tls"
    """From the first byte; usually port 465."""
    STARTTLS = "starttls"
    """Asked for after the greeting, and nothing is sent without it; usually port 587."""
    NONE = "none"
    """In the clear: for a relay on this machine or in a network of one's own."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A mail server and how to log in there."""

    host: str
    port: int
    security: Security
    username: str = ""
    """Empty: no login."""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One e-mail to one or several people."""

    server: Server
    sender: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)
    """RFC 5322, lines end with CRLF, ASCII only."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back from one attempt."""

    status: int
    """The HTTP status; of a mail server 250 when it took the mail; 0: no answer."""
    retry_after: str = ""
    """The header as it came; empty: none."""
    error: str = ""
    """Why there was no answer, in words that hold no URL."""
