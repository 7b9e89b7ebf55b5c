"""Whether an exporter of the app already sends to our collector: then ours beside it would send every span twice."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared with, not bound to
_PORTS: Final = {"http": 80, "https": 443}


def exports_to(processor: object, url: str) -> bool:
    """Whether a span processor sends to ``url``: to its host, port and path, or over gRPC to the port beside it.

    A collector takes gRPC one port below HTTP (4317 and 4318, OTLP specification, "OTLP/gRPC Default Port"). Any other
    gRPC endpoint is another backend.
    """
    exporter = getattr(processor, "span_exporter", None)
    if exporter is None:
        return False
    target = getattr(exporter, "_endpoint", None) or getattr(exporter, "url", None)
    if not isinstance(target, str):
        return False
    if ".grpc" in type(exporter).__module__:
        grpc, ours = _place(target if "://" in target else f"grpc://{target}"), _place(url)
        return grpc[0] == ours[0] and (grpc[1] or 0) + 1 == ours[1]
    return _place(target) == _place(url)


def _place(url: str) -> tuple[str, int | None, str]:
    parts = urlsplit(url)
    return _host(url), parts.port or _PORTS.get(parts.scheme), parts.path.rstrip("/")


def _host(url: str) -> str:
    host = (urlsplit(url).hostname or "").lower()
    return "localhost" if host in _LOOPBACK else host
