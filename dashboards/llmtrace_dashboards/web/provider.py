"""Streamlit's own login by OpenID (`st.login`), run behind the gate: the one module that knows its private names.

    /login/start      -> /auth/login      to the provider, with a state that this browser keeps
    /oauth2callback                       the code becomes claims: Streamlit's signed cookies, taken off the answer here
    /logout           -> /auth/logout     with those cookies: to the provider, to log out there, too

The browser never has those cookies, so nothing is open by them: the gate's own session is what counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlencode

_USER = "_streamlit_user"
"""Also how the name of every further cookie of it begins."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One of Streamlit's, held back."""

    status: int
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def location(self) -> str:
        """Where it sends the browser; '': nowhere."""
        found = next((value for name, value in self.headers if name.lower() == b"location"), b"")
        return found.decode("latin-1") if 300 <= self.status < 400 else ""

    @property
    def cookies(self) -> list[tuple[bytes, bytes]]:
        """The headers that set cookies, without those about the user."""
        return [pair for pair in self._cookies() if not pair[1].startswith(_USER.encode())]

    @property
    def carried(self) -> str:
        """The cookies about the user, as a browser would send them."""
        return "; ".join(f"{name}={value}" for name, value in self._about_user().items())

    def claims(self) -> Mapping[str, Any] | None:
        """What the provider says of the user; None: nobody has logged in by this."""
        from streamlit.auth_util import get_cookie_with_chunks
        from streamlit.web.server.server_util import get_cookie_secret
        from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

        found = self._about_user()
        secret = get_cookie_secret()
        text = get_cookie_with_chunks(lambda name: decode_signed_value(secret, name, found.get(name, "")), _USER)
        claims = json.loads(text) if text else None
        return claims if isinstance(claims, dict) and claims.get("is_logged_in") is True else None

    def _cookies(self) -> list[tuple[bytes, bytes]]:
        return [(name, value) for name, value in self.headers if name.lower() == b"set-cookie"]

    def _about_user(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for _, header in self._cookies():
            try:
                read = SimpleCookie(header.decode("latin-1"))
            except CookieError:
                continue
            found |= {name: one.value for name, one in read.items() if name.startswith(_USER) and one.value}
        return found


async def begin(app: Any, scope: Any) -> Answer:
    """Streamlit's answer to somebody who wants to log in."""
    from streamlit.auth_util import encode_provider_token

    return await _held(app, scope, "/auth/login", urlencode({"provider": encode_provider_token("default")}))


async def finish(app: Any, scope: Any) -> Answer:
    """Its answer to somebody who comes back from the provider."""
    return await _held(app, scope, scope["path"], scope["query_string"].decode("latin-1"))


async def leave(app: Any, scope: Any, carried: str) -> Answer:
    """Its answer to somebody who logs out, `carried` being of the answer they came in by."""
    headers = [pair for pair in scope["headers"] if pair[0].lower() != b"cookie"]
    return await _held(
        app, {**scope, "headers": [*headers, (b"cookie", carried.encode("latin-1"))]}, "/auth/logout", ""
    )


async def _held(app: Any, scope: Any, path: str, query: str) -> Answer:
    found = Answer(status=500)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        nonlocal found
        if message["type"] == "http.response.start":
            found = Answer(status=message["status"], headers=[(one, two) for one, two in message.get("headers", ())])

    inner = {"method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode("latin-1")}
    await app({**scope, **inner}, receive, send)
    return found
