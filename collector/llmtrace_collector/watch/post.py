"""The one request of an attempt, over urllib3, which reads no proxies from the environment and retries nothing here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from llmtrace_collector.watch.retries import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 15.0
_MOST_BODY_BYTES = 64 * 1024
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (NameResolutionError, "the host name does not resolve"),
    (NewConnectionError, "the connection is refused or has no route"),
    (ConnectTimeoutError, f"no connection within {TIMEOUT_S:.0f} s"),
    (ReadTimeoutError, f"no answer within {TIMEOUT_S:.0f} s"),
    (SSLError, "the TLS certificate or handshake is not accepted"),
)
"""What to say of an error, subclasses before their bases; its own text may hold the URL, which may be a secret."""


class Post(Protocol):
    """Makes one attempt and never raises for what a receiver or the network does."""

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The receiver's answer, or why there is none."""
        ...

    def close(self) -> None:
        """Lets go of connections."""
        ...


class HttpPost:
    """POST with certificate checks, 15 s, no redirects; safe for many threads."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(
            num_pools=64,
            maxsize=2,
            retries=False,
            timeout=urllib3.Timeout(total=TIMEOUT_S),
            cert_reqs="CERT_REQUIRED",
        )

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """See `Post`."""
        deadline = time.monotonic() + TIMEOUT_S
        try:
            response = self._pool.request(
                "POST", url, body=body, headers=dict(headers), redirect=False, retries=False, preload_content=False
            )
        except (HTTPError, OSError, UnicodeError) as error:
            return Answer(status=0, error=_in_words(error))
        _drain(response, deadline)
        return Answer(status=response.status, retry_after=response.headers.get("retry-after", ""))

    def close(self) -> None:
        """See `Post`."""
        self._pool.clear()


def _in_words(error: Exception) -> str:
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    return f"no answer ({type(error).__name__})"


def _drain(response: urllib3.BaseHTTPResponse, deadline: float) -> None:
    """Reads a short body so that the connection can serve again; the status has already decided."""
    size = 0
    try:
        while chunk := response.read1(_MOST_BODY_BYTES):
            size += len(chunk)
            if size >= _MOST_BODY_BYTES or time.monotonic() > deadline:
                break
        else:
            response.release_conn()
            return
    except (HTTPError, OSError):
        pass
    response.close()
