"""The collector, as the app asks it for changes and how it is: the app itself writes nothing.

One address and key for the process; who acts is told with every change. How it is, it tells without a key.
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
_REFUSED = "otelcol_receiver_refused_"
"""How the names of its metrics about what it refused begin."""
_REFUSED_VALUES = re.compile(rf"^{_REFUSED}\w+(?:{{.*}})? ([\d.e+]+)$", re.MULTILINE)


class CollectorError(Exception):
    """The collector did not do what was asked; the message is its sentence, or one about it."""


@dataclass(frozen=True, kw_only=True)
class Collector:
    """Where it is, and the key to its admin API; without one it is asked how it is and nothing else."""

    host: str
    port: int
    secure: bool = False
    key: str = field(repr=False)
    certificate: Path | None = None
    """It shows exactly this one, whatever names stand in it; None: one that the system trusts, for its host."""

    @property
    def shown(self) -> str:
        """The URL, for people."""
        return f"http{'s' if self.secure else ''}://{self._place}"

    @property
    def _place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

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
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        if who:
            headers["x-llmtrace-actor"] = who.encode().decode("latin-1")
        sent = None if body is None else json.dumps(body).encode()
        status, found = self._answer(method, f"/api/v1/{path}", sent, headers, timeout_s)
        if status >= 400:
            told = found.get("message") if isinstance(found, dict) else None
            raise CollectorError(str(told or f"The collector answered HTTP {status}"))
        return found

    def ready(self, *, timeout_s: float = 3.0) -> Mapping[str, Any]:
        """How it is, in its own words: what `GET /readyz` answers, also where it accepts nothing.

        Raises:
            CollectorError: it cannot be reached, or is none.
        """
        status, found = self._answer("GET", "/readyz", None, {}, timeout_s)
        if status not in {200, 503} or not isinstance(found, dict):
            raise CollectorError(f"What answers at {self._place} is not a collector")
        return found

    def refused(self, *, timeout_s: float = 3.0) -> int:
        """Spans, log records and metric points that it has refused since it was started.

        Raises:
            CollectorError: it cannot be reached, or is none.
        """
        status, body = self._read("GET", "/metrics", None, {}, timeout_s)
        text = body.decode("utf-8", "replace")
        if status != 200 or _REFUSED not in text:
            raise CollectorError(f"What answers at {self._place} is not a collector")
        return sum(round(float(value)) for value in _REFUSED_VALUES.findall(text))

    def _answer(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float
    ) -> tuple[int, Any]:
        status, answer = self._read(method, path, body, headers, timeout_s)
        try:
            return status, json.loads(answer)
        except ValueError as error:
            raise CollectorError(f"What answers at {self._place} is not a collector") from error

    def _read(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float
    ) -> tuple[int, bytes]:
        connection = self._connection(timeout_s)
        try:
            self._check(connection)
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read(_MOST_BYTES)
        except (OSError, http.client.HTTPException) as error:
            said = f"The collector at {self._place} cannot be reached ({type(error).__name__}: {error})"
            raise CollectorError(said) from error
        finally:
            connection.close()

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
    """Makes it the one of this process; None: the app knows of none."""
    global _collector  # noqa: PLW0603  one app a process, and Streamlit runs the script without arguments
    _collector = collector


def present() -> Collector | None:
    """The one of this process that may be asked for changes; None: there is no key to it."""
    return _collector if _collector and _collector.key else None


def nearby() -> Collector | None:
    """The one of this process, with a key or without: how it is may be asked by anybody."""
    return _collector
