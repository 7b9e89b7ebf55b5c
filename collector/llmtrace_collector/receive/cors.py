"""Whether pages of other origins may send: no, unless their origin was named.

A browser asks first (`OPTIONS`); without our consent it does not send. Source: Fetch standard, "CORS protocol".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from llmtrace_collector.errors import ConfigError
from llmtrace_collector.receive.answers import Headers

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


class Origins:
    """The origins whose pages may send."""

    def __init__(self, origins: Iterable[str] = ()) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    @classmethod
    def parse(cls, text: str) -> Origins:
        """Origins separated by commas, or `*` for any; '' for none.

        Raises:
            ConfigError: one is no origin.
        """
        origins = [origin.strip().rstrip("/") for origin in text.split(",") if origin.strip()]
        for origin in origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ConfigError(f'--cors-origins: "{origin}" is no origin; write it like https://app.example.com')
        return cls(origins)

    def headers(self, request: Mapping[bytes, bytes]) -> Headers:
        """What an answer to this request says to a browser; nothing unless the origin was named."""
        origin = request.get(b"origin", b"")
        if not origin or not self._origins & {origin, b"*"}:
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"vary", b"origin"),
            (b"access-control-expose-headers", b"retry-after"),
        ]

    def preflight(self, request: Mapping[bytes, bytes]) -> Headers:
        """What a browser that asks first is told; nothing: it may not send."""
        allowed = self.headers(request)
        if not allowed:
            return []
        return [
            *allowed,
            (b"access-control-allow-methods", b"POST"),
            (b"access-control-allow-headers", b"authorization, content-encoding, content-type"),
            (b"access-control-max-age", b"7200"),
        ]
