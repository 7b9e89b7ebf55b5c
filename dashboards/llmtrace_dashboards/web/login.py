"""The page that asks people to log in: plain HTML without a script, and nothing of the app is loaded for it."""

from __future__ import annotations

import html
from urllib.parse import quote, unquote

from llmtrace_dashboards.access import LEAST_TOKEN

PATH = "/login"
LEAVE = "/logout"
START = "/login/start"
"""Leads to the OpenID provider."""

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #fff; color: #0f172a; }
main { box-sizing: border-box; width: min(24rem, 100vw); padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
label { display: block; font-weight: 600; }
input, button, .button { box-sizing: border-box; width: 100%; min-height: 2.75rem; font: inherit; }
input, button, .button { border-radius: .5rem; }
input { border: 1px solid #64748b; padding: 0 .75rem; margin: .25rem 0 1rem; background: transparent; color: inherit; }
button, .button { border: 0; background: #0b62c4; color: #fff; font-weight: 600; cursor: pointer; }
.button { display: grid; place-items: center; text-decoration: none; padding: .5rem; overflow-wrap: anywhere; }
:is(input, button, .button):focus-visible { outline: 3px solid #708cff; outline-offset: 2px; }
p { margin: 0 0 1rem; } small { color: #475569; } [role=alert] { color: #c8102e; }
@media (prefers-color-scheme: dark) {
  body { background: #0f1419; color: #e6eaf0; } small { color: #9aa6b6; } [role=alert] { color: #ff6b6b; }
}
"""


def page(go_to: str, *, wrong: str = "", provider: str = "", by_token: bool = True) -> bytes:
    """What people log in by; after it, the browser goes to `go_to`. `wrong` says why the last attempt was none.

    `provider` is the name of an OpenID provider; '': there is none.
    """
    said = f'<p role="alert">{html.escape(wrong)}</p>' if wrong else ""
    then = quote(go_to, safe="")
    by_provider = (
        f'<p><a class="button" href="{START}?next={then}">Log in with {html.escape(provider)}</a></p>'
        if provider
        else ""
    )
    return _whole(f"<h1>llmtrace</h1>{said}{by_provider}{_form(then, first=not provider) if by_token else ''}")


def _form(then: str, *, first: bool) -> str:
    return (
        f'<form method="post" action="{PATH}?next={then}"><label for="token">Token</label>'
        f'<input id="token" name="token" type="password" autocomplete="current-password" minlength="{LEAST_TOKEN}"'
        f" required{' autofocus' if first else ''}>"
        "<button>Log in</button></form><p></p><p><small>Whoever runs llmtrace gives it to you.</small></p>"
    )


def leaving() -> bytes:
    """Asks whether to log out: a link from elsewhere must not do it."""
    return _whole(f'<h1>llmtrace</h1><form method="post" action="{LEAVE}"><button>Log out</button></form>')


def again(target: str) -> bytes:
    """Sends the browser to `target` once more, from here: a link of another site comes without the strict cookie."""
    shown = html.escape(target)
    return _whole(
        f'<p><a href="{shown}">Go on</a></p>', more=f'<meta http-equiv="refresh" content="0;url=&quot;{shown}&quot;">'
    )


def target(query: bytes) -> str:
    """Where `next` of a query leads within the app; anything else leads to its start."""
    for pair in query.decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        if name == "next":
            found = unquote(value)
            if len(found) <= 8000 and found.isprintable() and found[:1] == "/" and found[1:2] not in {"/", "\\"}:
                return quote(found, safe="/?&=%:+,;@!$'()*~-._")
    return "/"


def _whole(body: str, *, more: str = "") -> bytes:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{more}'
        f"<title>llmtrace</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    ).encode()
