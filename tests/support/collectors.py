"""A stand-in collector: takes OTLP over HTTP on a real socket and keeps what came."""

from __future__ import annotations

import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP on a real socket and keeps what came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, dict[str, str], ExportTraceServiceRequest]] = []
        self.raw: list[tuple[str, dict[str, str], bytes]] = []
        """Metrics and logs, as they came."""
        self.status = 200
        """What logs are answered with."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def spans(self) -> list[tuple[str, str, str]]:
        """Service, scope and name of every span."""
        return [
            (
                next(a.value.string_value for a in group.resource.attributes if a.key == "service.name"),
                scope.scope.name,
                span.name,
            )
            for _, _, request in self.received
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        headers = {k.lower(): v for k, v in self.headers.items()}
        body = self.rfile.read(int(headers["content-length"]))
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path in ("/v1/metrics", "/v1/logs"):
            self.server.raw.append((self.path, headers, body))
        else:
            self.server.received.append((self.path, headers, ExportTraceServiceRequest.FromString(body)))
        self.send_response(self.server.status if self.path == "/v1/logs" else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
