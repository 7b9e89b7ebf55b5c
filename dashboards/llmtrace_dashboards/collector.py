"""The collector's admin API, as the app asks it for changes: the app itself writes nothing.

One address and key for the process; who acts is told with every request.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

KEY = "LLMTRACE_ADMIN_KEY"
_MOST_BYTES = 8 * 1024 * 1024
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class CollectorError(Exception):
    """The collector did not do what was asked; the message is its sentence, or one about it."""


@dataclass(frozen=True, kw_only=True)
class Collector:
    """Where it is, and the key to its admin API."""

    host: str
    port: int
    secure: bool = False
    key: str = field(repr=False)
    certificate: Path | None = None
    """It shows exactly this one, whatever names stand in it; None: one that the system trusts, for its host."""

    @classmethod
    def of(cls, url: str, key: str, certificate: Path | None = None) -> Collector:
        """From `http[s]://host[:port]`.

        Raises:
            ValueError: the URL is of another form, or the key cannot be one.
        """
        wrong = f'--collector "{url}" is not a collector\'s URL; write it like http://127.0.0.1:4318'
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(wrong) from None
        odd = parts.username or parts.password or parts.query or parts.path not in {"", "/"}
        if parts.scheme not in {"http", "https"} or not parts.hostname or odd:
            raise ValueError(wrong)
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError(f"{KEY} is not a key: `llmtrace keys create app --scope admin` makes one")
        return cls(
            host=parts.hostname, port=port or 4318, secure=parts.scheme == "https", key=key, certificate=certificate
        )

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, who: str = "", timeout_s: float = 10.0
    ) -> Any:
        """What it answers to `method` on `path` below /api/v1, on behalf of `who`.

        Raises:
            CollectorError: it refuses, or cannot be reached.
        """
        connection = self._connection(timeout_s)
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        if who:
            headers["x-llmtrace-actor"] = who.encode().decode("latin-1")
        try:
            self._check(connection)
            sent = None if body is None else json.dumps(body).encode()
            connection.request(method, f"/api/v1/{path}", sent, headers)
            answer = connection.getresponse()
            found = json.loads(answer.read(_MOST_BYTES))
        except (OSError, http.client.HTTPException) as error:
            said = f"The collector at {self.host}:{self.port} cannot be reached ({type(error).__name__}: {error})"
            raise CollectorError(said) from error
        except ValueError as error:
            raise CollectorError(f"What answers at {self.host}:{self.port} is not a collector") from error
        finally:
            connection.close()
        if answer.status >= 400:
            told = found.get("message") if isinstance(found, dict) else None
            raise CollectorError(str(told or f"The collector answered HTTP {answer.status}"))
        return found

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        if not self.secure:
            return http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)
        context = ssl.create_default_context()
        if self.certificate:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # `_check` does, by the certificate itself
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout_s, context=context)

    def _check(self, connection: http.client.HTTPConnection) -> None:
        """Before the key goes out. The file is read each time: it is renewed."""
        if not self.secure or not self.certificate:
            return
        connection.connect()
        shown = connection.sock.getpeercert(binary_form=True) if isinstance(connection.sock, ssl.SSLSocket) else None
        found = _PEM.search(self.certificate.read_text(encoding="ascii", errors="replace"))
        if not found or ssl.PEM_cert_to_DER_cert(found[0]) != shown:
            raise ssl.SSLError(f"it does not show the certificate of {self.certificate}")


_collector: Collector | None = None


def use(collector: Collector | None) -> None:
    """Makes it the one of this process; None: the app only reads."""
    global _collector  # noqa: PLW0603  one app a process, and Streamlit runs the script without arguments
    _collector = collector


def present() -> Collector | None:
    """The one of this process."""
    return _collector
