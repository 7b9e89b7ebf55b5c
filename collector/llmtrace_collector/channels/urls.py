"""Reading the URL of a receiver, once and strictly: where two parsers could differ, it is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?", re.ASCII)
_VERSION_6 = re.compile(r"[0-9A-Fa-f:.]+", re.ASCII)
_EXAMPLE = "write it like https://example.com/hook"


@dataclass(frozen=True, kw_only=True)
class Url:
    """A URL in the parts that a request is made of."""

    secure: bool
    """https."""
    host: str
    """A name or an address, without brackets."""
    port: int
    authority: str
    """The `Host` header: host and port as they were written."""
    target: str
    """Path and query, at least `/`."""


def parse(url: str) -> Url:
    """The parts of `url`.

    Raises:
        ValueError: it is no plain http or https URL; the message is a sentence that shows scheme and host at most.
    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or "#" in url:
        raise ValueError(
            f'"{shown(url)}" has a blank, a "#", a backslash or a character beyond ASCII; percent-encode it'
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"cannot be read as a URL; {_EXAMPLE}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f'"{shown(url)}" is not an http or https URL; {_EXAMPLE}')
    if "@" in parts.netloc:
        raise ValueError(f'"{shown(url)}" comes with a user or password; take them out, notices are signed instead')
    bracketed = parts.netloc.startswith("[")
    if not (_VERSION_6 if bracketed else _NAME).fullmatch(parts.hostname) or port == 0:
        raise ValueError(f'"{shown(url)}" has a host that is neither a name nor an address; {_EXAMPLE}')
    secure = parts.scheme == "https"
    return Url(
        secure=secure,
        host=parts.hostname,
        port=port or (443 if secure else 80),
        authority=parts.netloc,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def shown(url: str) -> str:
    """`url` without user, path and query: what may stand in a log."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    except ValueError:
        return "an unreadable URL"
