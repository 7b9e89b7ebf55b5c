"""What the gate itself answers with, and the cookies it gives and reads."""

from __future__ import annotations

from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any

Headers = Sequence[tuple[bytes, bytes]]


async def answer(send: Any, status: int, body: bytes = b"", *, headers: Headers = ()) -> None:
    """A page, unless a header says what else it is; kept by no cache."""
    every = [(b"cache-control", b"no-store"), (b"content-length", str(len(body)).encode()), *headers]
    if not any(name == b"content-type" for name, _ in headers):
        every.append((b"content-type", b"text/html; charset=utf-8"))
    await send({"type": "http.response.start", "status": status, "headers": every})
    await send({"type": "http.response.body", "body": body})


async def refuse(scope: Any, send: Any, status: int, sentence: bytes) -> None:
    """A sentence; a WebSocket is closed before it is accepted, which is a 403."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await answer(send, status, sentence, headers=[(b"content-type", b"text/plain; charset=utf-8")])


async def send_to(send: Any, location: str, *more: tuple[bytes, bytes]) -> None:
    """Sends the browser elsewhere."""
    await answer(send, 303, headers=[(b"location", location.encode()), *more])


def read_cookie(header: str, name: str) -> str:
    """Its value in a Cookie header; '': it is not there."""
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def set_cookie(scope: Any, name: str, text: str, lasts_s: int, *, same_site: str = "Strict") -> tuple[bytes, bytes]:
    """The header that gives a cookie, or with 0 seconds takes it."""
    secure = "; Secure" if scope.get("scheme") in {"https", "wss"} else ""
    made = f"{name}={text}; Path=/; Max-Age={lasts_s}; HttpOnly; SameSite={same_site}{secure}"
    return b"set-cookie", made.encode()
