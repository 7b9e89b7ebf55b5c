"""The body of one HTTP request: within its size, within its time, inflated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from llmtrace_collector.compressed import TooLargeError, UnreadableBodyError, inflate
from llmtrace_collector.receive.door import MAX_REQUEST_BYTES, Door, check_size
from llmtrace_collector.receive.refused import Fault, RefusedError

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

BODY_TIMEOUT_S = 30.0
"""For a whole body to come; exporters themselves give up after 10 s."""


class GoneError(Exception):
    """The client went away before its body was whole."""


class Body:
    """The body of one request; its bytes are counted at the door until `release`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._held_bytes = 0

    async def read(self, receive: Receive, headers: Mapping[bytes, bytes]) -> bytes:
        """The whole body, inflated.

        Raises:
            GoneError: the client has gone.
            RefusedError: it is too large, too slow, or not what its Content-Encoding says.
        """
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > 2 * MAX_REQUEST_BYTES:
            check_size(int(announced))
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await self._receive(receive)
        except TimeoutError:
            raise RefusedError(
                Fault.TOO_SLOW, f"the body was not whole after {BODY_TIMEOUT_S:g} s: send smaller requests"
            ) from None
        return await self._inflated(body, headers.get(b"content-encoding", b""))

    async def _receive(self, receive: Receive) -> bytes:
        """One over the limit is read on, and dropped, for as much again.

        Or its sender would see a reset connection instead of the answer.
        """
        pieces: list[bytes] = []
        size = 0
        more = True
        while more and size <= 2 * MAX_REQUEST_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise GoneError
            piece = message.get("body", b"")
            size += len(piece)
            if size <= MAX_REQUEST_BYTES:
                self._hold(len(piece))
                pieces.append(piece)
            else:
                pieces.clear()
            more = message.get("more_body", False)
        check_size(size)
        return b"".join(pieces)

    async def _inflated(self, body: bytes, encoding: bytes) -> bytes:
        if encoding in {b"", b"identity"}:
            return body
        whole = await asyncio.to_thread(_inflated, body, encoding) if len(body) > 4096 else _inflated(body, encoding)
        self._hold(len(whole))
        return whole

    def _hold(self, size_bytes: int) -> None:
        self._door.hold(size_bytes)
        self._held_bytes += size_bytes

    def release(self) -> None:
        """Gives the counted bytes back."""
        self._door.hold(-self._held_bytes)
        self._held_bytes = 0


def _inflated(body: bytes, encoding: bytes) -> bytes:
    try:
        return inflate(body, encoding.decode("latin-1"), MAX_REQUEST_BYTES)
    except TooLargeError as error:
        raise RefusedError(Fault.TOO_LARGE, str(error)) from error
    except UnreadableBodyError as error:
        raise RefusedError(Fault.MALFORMED, str(error)) from error
