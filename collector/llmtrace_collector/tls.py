"""TLS at both doors: a certificate of ours, and where asked for one of every sender's (mutual TLS).

    --tls-cert, --tls-key     who we are: PEM, the chain behind our own certificate in the same file
    --tls-client-ca           who may connect: holders of a certificate that one of these CAs has signed

A renewed file is taken for new connections within seconds; one that does not load is said, and the old one stays.
"""

from __future__ import annotations

import argparse
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmtrace_collector.errors import ConfigError

if TYPE_CHECKING:
    import grpc

log = logging.getLogger(__name__)

RENEWED_WITHIN_S = 5.0

_Stamps = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Tls:
    """The files; all `None`: connections are not encrypted."""

    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None

    @classmethod
    def of(cls, options: Any) -> Tls:
        """From parsed options, or from `Options`.

        Raises:
            ConfigError: a file is missing, or does not go with the others.
        """
        tls = cls(cert=options.tls_cert, key=options.tls_key, client_ca=options.tls_client_ca)
        tls.context()
        return tls

    @property
    def arguments(self) -> list[str]:
        """As a process of ours is given them."""
        given = (("--tls-cert", self.cert), ("--tls-key", self.key), ("--tls-client-ca", self.client_ca))
        return [word for flag, path in given if path for word in (flag, str(path))]

    def context(self) -> ssl.SSLContext | None:
        """For a server of Python's; `None` without TLS.

        Raises:
            ConfigError: a file is missing, or does not go with the others.
        """
        if not self.cert and not self.key:
            if self.client_ca:
                raise ConfigError("--tls-client-ca needs --tls-cert and --tls-key: senders must know us first")
            return None
        if not self.cert or not self.key:
            raise ConfigError("--tls-cert and --tls-key go together: give both, or neither")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.cert, self.key)
            if self.client_ca:
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except OSError as error:  # an SSLError too
            files = ", ".join(str(path) for path in (self.cert, self.key, self.client_ca) if path)
            raise ConfigError(
                f"TLS cannot be set up from {files} ({error.strerror or error}): give PEM files that can be read, the"
                " key being that of the certificate and without a passphrase"
            ) from error
        return context

    def grpc_credentials(self) -> grpc.ServerCredentials | None:
        """For a server of grpc's; `None` without TLS."""
        if not self.cert:
            return None
        import grpc

        renewed = self.renewals()
        return grpc.dynamic_ssl_server_credentials(
            self._grpc_configuration(),
            lambda: self._grpc_configuration() if renewed() else None,  # type: ignore[arg-type, return-value]
            require_client_authentication=self.client_ca is not None,
        )

    def _grpc_configuration(self) -> grpc.ServerCertificateConfiguration:
        import grpc

        assert self.cert is not None  # noqa: S101 - asked before
        assert self.key is not None  # noqa: S101
        pair = (self.key.read_bytes(), self.cert.read_bytes())
        return grpc.ssl_server_certificate_configuration(
            [pair], self.client_ca.read_bytes() if self.client_ca else None
        )

    def renewals(self) -> Callable[[], bool]:
        """Asks whether the files have changed since it was last asked, and load."""
        seen = self._stamps()

        def renewed() -> bool:
            nonlocal seen
            now = self._stamps()
            if now == seen:
                return False
            seen = now
            try:
                self.context()
            except ConfigError as error:
                log.warning("the new certificate is not taken, the old one stays: %s", error)
                return False
            return True

        return renewed

    def _stamps(self) -> _Stamps:
        paths = (self.cert, self.key, self.client_ca)
        return tuple(path.stat().st_mtime_ns if path and path.exists() else 0 for path in paths)


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the options to the parser of a process of ours."""
    for flag in ("--tls-cert", "--tls-key", "--tls-client-ca"):
        parser.add_argument(flag, type=Path, help="see `llmtrace up --help`")
