"""Security headers on every answer of the app.

The second wall: hostile prompts are drawn as text; should one ever become markup, it could still load nothing from
elsewhere and run nothing. Streamlit sends no policy of its own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any


def policy(page: str) -> str:
    """The Content-Security-Policy for Streamlit's `page`: its own origin, and its inline scripts by their hashes."""
    inline = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in inline]
    rules = {
        "default-src": "'none'",
        # blob: is how Streamlit loads the JavaScript of inline components.
        "script-src": " ".join(["'self'", "blob:", *hashes]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "worker-src": "'self' blob:",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@cache
def headers() -> tuple[tuple[bytes, bytes], ...]:
    """The headers, made once from the page of the installed Streamlit."""
    import streamlit

    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    found = {
        "content-security-policy": policy(page),
        # Not no-referrer: with that, a browser sends the login form with "Origin: null".
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
    return tuple((name.encode(), value.encode()) for name, value in found.items())


class SecurityHeaders:
    """ASGI middleware that adds `headers` to each HTTP response."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes everything on; adds to what starts a response."""

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in headers()}
                kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in ours]
                message = {**message, "headers": [*kept, *headers()]}
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)
