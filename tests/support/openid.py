"""A small OpenID provider on a socket of this machine, which tells who has logged in as a test wants it told."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "llmtrace", "the client's secret of this test"


@dataclass(kw_only=True)
class Provider:
    """Its codes are good once; its key is `key`."""

    url: str
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False))
    claims: dict[str, Any] = field(default_factory=dict)
    """Of whoever logs in; they win over what is right."""
    refuses: str = ""
    """The error with which it sends people back."""
    state: str = ""
    """Sent back in place of the right one."""
    signs_with: RSAKey | None = None
    """In place of `key`."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The queries with which people came."""
    left: list[dict[str, str]] = field(default_factory=list)
    """Those with which they logged out."""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/leave",
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes back to."""
        self.asked.append(query)
        code = secrets.token_urlsafe(8)
        self._codes[code] = query
        back = {"error": self.refuses} if self.refuses else {"code": code}
        return f"{query['redirect_uri']}?{urlencode({**back, 'state': self.state or query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        given = base64.b64decode(authorization.partition(" ")[2]).decode()
        asked = self._codes.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        if asked is None or given != f"{CLIENT_ID}:{CLIENT_SECRET}" or challenge != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        right = {"iss": self.url, "aud": CLIENT_ID, "sub": "1", "nonce": asked["nonce"], "iat": now, "exp": now + 60}
        text = jwt.encode({"alg": "RS256", "kid": "one"}, right | self.claims, self.signs_with or self.key)
        return 200, {"access_token": "access", "token_type": "Bearer", "expires_in": 60, "id_token": text}


@contextmanager
def provider() -> Iterator[Provider]:
    """One that answers while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/.well-known/openid-configuration":
                self._json(200, made.metadata())
            elif parts.path == "/jwks":
                self._json(200, {"keys": [made.key.as_dict(private=False)]})
            elif parts.path == "/authorize":
                self._redirect(made.authorize(query))
            elif parts.path == "/leave":
                made.left.append(query)
                self._redirect(query["post_logout_redirect_uri"])
            else:
                self._json(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._json(*made.token(form, self.headers.get("authorization", "")))

        def _redirect(self, location: str) -> None:
            self.send_response(302)
            self.send_header("location", location)
            self.send_header("content-length", "0")
            self.end_headers()

        def _json(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Keeps requests off the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Provider(url=f"http://localhost:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
