"""The gate before all of the app: who has not logged in reaches the login page and the health answer alone.

Host not allowed, Origin another                403
/_stcore/health                                 let through
/login, /logout                                 answered here
/login/start, /oauth2callback                   asked of Streamlit's login, where there is an OpenID provider; `lobby`
a session, or nobody is asked                   let through; a WebSocket ends when its session does
a page, from another site                       once more, as the strict cookie did not come with it
a page                                          303 to /login
all else: files, media, WebSockets              401; 403 for a WebSocket
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from llmtrace_dashboards.access import COOKIE, LASTS_S, Attempts, Session, Sessions
from llmtrace_dashboards.oidc import Oidc
from llmtrace_dashboards.web import lobby, login
from llmtrace_dashboards.web.answers import answer, read_cookie, refuse, send_to, set_cookie

HEALTH = "/_stcore/health"
_MOST_BYTES = 4096
_UNREAD = {"type": "websocket.disconnect", "code": 1008}


class Gate:
    """ASGI middleware around the app."""

    def __init__(
        self, app: Any, *, sessions: Sessions, attempts: Attempts, hosts: Sequence[str], oidc: Oidc | None = None
    ) -> None:
        """`hosts`: the names the app answers to."""
        self._app = app
        self._sessions = sessions
        self._attempts = attempts
        self._hosts = frozenset(name.lower() for name in hosts)
        self._lobby = lobby.Lobby(app, oidc=oidc, sessions=sessions) if oidc else None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Lets through, or answers."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] == HEALTH:
            await self._app(scope, receive, send)
            return
        found = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        cookies = found.get(b"cookie", "")
        cookie = read_cookie(cookies, COOKIE)
        session = self._sessions.find(cookie)
        if not self._is_ours(found):
            await refuse(scope, send, 403, b"This host or origin is not one the app answers to: see --allowed-host.\n")
        elif scope["type"] == "http" and scope["path"] in {login.PATH, login.LEAVE}:
            await self._door(scope, receive, send, cookie)
        elif self._lobby and _is_get(scope) and scope["path"] in lobby.PATHS:
            await self._lobby.answer(scope, send, host=found.get(b"host", ""), cookies=cookies)
        elif not self._sessions.needed:
            await self._app(scope, receive, send)
        elif session and scope["type"] == "websocket":
            await self._app(scope, _until_over(receive, session, self._sessions), send)
        elif session:
            await self._app(scope, receive, send)
        else:
            await _unknown(scope, found, send)

    def _is_ours(self, found: Mapping[bytes, str]) -> bool:
        """By Host, and by Origin where a browser tells one."""
        host = found.get(b"host", "")
        origin = found.get(b"origin")
        try:
            if (urlsplit(f"//{host}").hostname or "") not in self._hosts:
                return False
            return origin is None or urlsplit(origin).netloc == host
        except ValueError:  # brackets that hold no address
            return False

    async def _door(self, scope: Any, receive: Any, send: Any, cookie: str) -> None:
        go_to = login.target(scope["query_string"])
        if scope["path"] == login.LEAVE and scope["method"] == "POST":
            await self._leave(scope, send, cookie)
        elif scope["path"] == login.LEAVE and scope["method"] in {"GET", "HEAD"}:
            await answer(send, 200, login.leaving())
        elif scope["method"] == "POST":
            await self._attempt(scope, receive, send, go_to)
        elif scope["method"] not in {"GET", "HEAD"}:
            await answer(send, 405)
        elif self._sessions.who(cookie):
            await send_to(send, go_to)
        else:
            await answer(send, 200, self._page(go_to))

    def _page(self, go_to: str, wrong: str = "") -> bytes:
        return self._lobby.page(go_to, wrong) if self._lobby else login.page(go_to, wrong=wrong)

    async def _leave(self, scope: Any, send: Any, cookie: str) -> None:
        session = self._sessions.end(cookie)
        if self._lobby:
            await self._lobby.left(scope, send, session)
        else:
            await send_to(send, login.PATH, set_cookie(scope, COOKIE, "", 0))

    async def _attempt(self, scope: Any, receive: Any, send: Any, go_to: str) -> None:
        address = str((scope.get("client") or ("",))[0])
        wait_s = self._attempts.wait_s(address)
        if wait_s > 0:
            said = f"Too many wrong tokens. Try again in {wait_s:.0f} s."
            late = [(b"retry-after", str(int(wait_s) + 1).encode())]
            await answer(send, 429, self._page(go_to, said), headers=late)
            return
        token = await _token(receive)
        person = self._sessions.person(token)
        if person is None:
            self._attempts.wrong(address)
            await answer(send, 401, self._page(go_to, "This token is not known here."))
            return
        await send_to(send, go_to, set_cookie(scope, COOKIE, self._sessions.begin(person), LASTS_S))


def _until_over(receive: Any, session: Session, sessions: Sessions) -> Any:
    """`receive` that ends the connection when the session is logged out or has run out."""

    async def receiving() -> Any:
        asked = asyncio.ensure_future(receive())
        over = asyncio.ensure_future(session.over.wait())
        left_s = max(sessions.left_s(session), 0.0)
        try:
            done, _ = await asyncio.wait({asked, over}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked in done and over not in done else _UNREAD
        finally:
            over.cancel()
            asked.cancel()

    return receiving


def _is_get(scope: Any) -> bool:
    return (scope["type"], scope.get("method")) == ("http", "GET")


async def _unknown(scope: Any, found: Mapping[bytes, str], send: Any) -> None:
    path = quote(scope["path"], safe="/")
    here = path + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
    if scope["type"] == "websocket" or scope["method"] != "GET" or "text/html" not in found.get(b"accept", ""):
        await refuse(scope, send, 401, b"Log in first.\n")
    elif found.get(b"sec-fetch-site", "") == "cross-site" and not path.startswith("//"):
        await answer(send, 200, login.again(here))
    else:
        await send_to(send, f"{login.PATH}?next={quote(here, safe='')}")


async def _token(receive: Any) -> str:
    body, more = b"", True
    while more and len(body) <= _MOST_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    try:
        fields = parse_qs(body[:_MOST_BYTES].decode("latin-1"), max_num_fields=5)
    except ValueError:
        return ""
    return fields.get("token", [""])[0].strip()
