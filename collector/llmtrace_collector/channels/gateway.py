"""From a host to a connection: the name is resolved once, judged, and what was judged is what is connected to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from llmtrace_collector.channels.addresses import Allowed, objection

Resolve = Callable[..., list[tuple[Any, ...]]]
"""As `socket.getaddrinfo`."""

_MOST_ADDRESSES = 4


class BlockedError(Exception):
    """The receiver's address is none that notices may go to; the message is a sentence without a URL."""


class Gateway:
    """The only way to a receiver, of deliveries and of tests alike; safe for many threads."""

    def __init__(self, allowed: Allowed, resolve: Resolve = socket.getaddrinfo) -> None:
        self._allowed = allowed
        self._resolve = resolve

    def connect(self, host: str, port: int, timeout_s: float) -> socket.socket:
        """A TCP connection to one of the host's addresses.

        Raises:
            BlockedError: one of its addresses is not for notices, so none is used.
            OSError: the name does not resolve, or nobody takes the connection.
        """
        deadline = time.monotonic() + timeout_s
        error: OSError = OSError("the host has no address")
        for family, address in self._addresses(host, port):
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(max(deadline - time.monotonic(), 0.01))
                connection.connect(address)
                connection.settimeout(max(deadline - time.monotonic(), 0.01))
            except OSError as problem:
                connection.close()
                error = problem
            else:
                return connection
        raise error

    def _addresses(self, host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
        found = self._resolve(host, port, type=socket.SOCK_STREAM)
        if not self._allowed.names(host):
            for *_, address in found:
                why = objection(address[0], self._allowed)
                if why:
                    raise BlockedError(f"{why}; if it is meant, allow it with --notify-allow")
        return [(family, address) for family, _, _, _, address in found[:_MOST_ADDRESSES]]


@contextmanager
def cut_off(after_s: float, connection: Callable[[], socket.socket | None]) -> Iterator[threading.Event]:
    """Ends a connection that is still in use after `after_s`, however busily the other side drips; set when it did.

    Timeouts of sockets are for a single read; a receiver that sends a byte every few seconds would hold us for hours.
    """
    ended = threading.Event()

    def end() -> None:
        ended.set()
        found = connection()
        if found is not None:
            with suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(after_s, 0.0), end)
    timer.daemon = True
    timer.start()
    try:
        yield ended
    finally:
        timer.cancel()
