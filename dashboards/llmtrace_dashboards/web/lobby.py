"""The way in and out by an OpenID provider: who comes back from it is judged here, before anything of the app.

GET /login/start       303 to the provider; a sentence where it does not answer
GET /oauth2callback    a session and on to where the link led; a sentence for whom there is no role, or no login
logging out            the session ends, then the browser is sent to the provider's own logout
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from llmtrace_dashboards.access import COOKIE, LASTS_S, AccessError, Session, Sessions
from llmtrace_dashboards.oidc import CALLBACK, Oidc
from llmtrace_dashboards.web import login, provider
from llmtrace_dashboards.web.answers import answer, read_cookie, send_to, set_cookie

PATHS = frozenset({login.START, CALLBACK})

_NEXT = "llmtrace_next"
_NEXT_LASTS_S = 600
_LONGEST_NEXT = 3000
_MOVED = "&moved=1"
"""Behind a proxy that does not pass Host on, the browser would be moved for ever."""

log = logging.getLogger(__name__)


class Lobby:
    """Where people come in by `oidc`; `app` is Streamlit."""

    def __init__(self, app: Any, *, oidc: Oidc, sessions: Sessions) -> None:
        self._app = app
        self._oidc = oidc
        self._sessions = sessions

    async def answer(self, scope: Any, send: Any, *, host: str, cookies: str) -> None:
        """One GET of a path of `PATHS`; `host` and `cookies` are its headers."""
        if scope["path"] == CALLBACK:
            await self._back(scope, send, login.target(f"next={read_cookie(cookies, _NEXT)}".encode("latin-1")))
            return
        query = scope["query_string"]
        go_to = login.target(query)
        if host != self._oidc.own_host and not query.endswith(_MOVED.encode()):
            # What the browser keeps for the way back, it gives to this host only.
            origin = self._oidc.redirect_uri.removesuffix(CALLBACK)
            await send_to(send, f"{origin}{login.START}?next={quote(go_to, safe='')}{_MOVED}")
        else:
            await self._out(scope, send, go_to)

    async def _out(self, scope: Any, send: Any, go_to: str) -> None:
        found = await provider.begin(self._app, scope)
        if not found.location:
            said = f"{self._oidc.provider} cannot be asked now. Try again; the app's log says what is wrong."
            await answer(send, 502, self.page(go_to, said))
            return
        then = quote(go_to, safe="")
        kept = set_cookie(scope, _NEXT, then if len(then) < _LONGEST_NEXT else "", _NEXT_LASTS_S, same_site="Lax")
        await send_to(send, found.location, *found.cookies, kept)

    async def _back(self, scope: Any, send: Any, go_to: str) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if not query.keys() & {"state", "code", "error"}:  # from the provider's own logout
            await send_to(send, login.PATH)
            return
        found = await provider.finish(self._app, scope)
        claims = found.claims()
        if claims is None:
            await answer(send, 401, self.page(go_to, _why(query.get("error", [""])[0])), headers=found.cookies)
            return
        try:
            person = self._oidc.person(claims)
        except AccessError as error:
            log.warning("not let in: %s", error)
            await answer(send, 403, self.page(go_to, f"{error}."), headers=found.cookies)
            return
        session = set_cookie(scope, COOKIE, self._sessions.begin(person, found.carried), LASTS_S)
        done = set_cookie(scope, _NEXT, "", 0, same_site="Lax")
        await answer(send, 200, login.again(go_to), headers=[*found.cookies, done, session])

    async def left(self, scope: Any, send: Any, session: Session | None) -> None:
        """Answers somebody whose session has just ended."""
        taken = set_cookie(scope, COOKIE, "", 0)
        found = await provider.leave(self._app, scope, session.carried) if session and session.carried else None
        if found and urlsplit(found.location).netloc:
            # Not by a redirect: to the policy that would be a form which is sent elsewhere.
            await answer(send, 200, login.again(found.location), headers=[taken])
        else:
            await send_to(send, login.PATH, taken)

    def page(self, go_to: str, wrong: str = "") -> bytes:
        """What people log in by."""
        return login.page(go_to, wrong=wrong, provider=self._oidc.provider, by_token=self._sessions.by_token)


def _why(error: str) -> str:
    if re.fullmatch(r"[a-z_]{1,40}", error):
        return f"The provider did not let you in: {error}."
    return (
        "The login was not completed: it took too long, was begun in another browser, or the provider's answer does not"
        " hold. Try again; the app's log says more."
    )
