"""One attempt to hand a batch to the collector, over OTLP/HTTP, within a time limit; and what came of it.

The OTLP exporter encodes, compresses and knows certificates and headers. It would also wait and retry on its own, for
longer than an app that ends can wait; so its session makes one attempt, and ``export`` decides when to make another.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from llmtrace import faults
from llmtrace.quiet import exporting

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from llmtrace.settings import Settings

_BUSY: Final = frozenset({429, 502, 503, 504})
_OWN_SESSION: Final = (
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER",
)


class Sent(Enum):
    """What came of an attempt."""

    DELIVERED = "delivered"
    BUSY = "busy"
    """The collector said: later."""
    AWAY = "away"
    """No answer."""
    REFUSED = "refused"
    """Trying again would change nothing."""


class Sender:
    """Sends batches to one URL."""

    def __init__(self, settings: Settings) -> None:
        headers = {"authorization": f"Bearer {settings.ingest_key}"} if settings.ingest_key else None
        self.url = settings.traces_url
        self.trouble = ""
        """What the last attempt met."""
        self._session = OneAttempt()
        # Where the environment names a session with credentials, that one is the exporter's, retries and all.
        ours = None if any(os.environ.get(name) for name in _OWN_SESSION) else self._session
        self._exporter = OTLPSpanExporter(self.url, headers=headers, session=ours)

    def send(self, spans: Sequence[ReadableSpan], timeout_s: float) -> Sent:
        """Make one attempt. Never raises."""
        self._session.prepare_attempt(timeout_s)
        try:
            with exporting():
                result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - nothing of ours reaches the app
            faults.report("sending", error, on_worker=True)
            return Sent.REFUSED
        if result is SpanExportResult.SUCCESS:
            return Sent.DELIVERED
        self.trouble = self._session.trouble or "they cannot be encoded"
        return self._session.met or Sent.REFUSED

    def say_away(self) -> None:
        """Say once that nobody takes spans."""
        faults.say_once(
            "collector-away",
            "llmtrace: the collector at %s does not take spans (%s); they wait until it does, and are lost when there "
            "are too many, or the app ends. Start it with `llmtrace up`, or set OTEL_EXPORTER_OTLP_ENDPOINT. "
            "This is said once.",
            self.url,
            self.trouble or "no answer in time",
        )

    def say_refused(self) -> None:
        """Say once that spans are not taken, and never will be."""
        faults.say_once(
            "collector-refuses", "llmtrace: spans for %s are lost: %s. This is said once.", self.url, self.trouble
        )

    def close(self) -> None:
        """Close the connections."""
        with exporting():
            self._exporter.shutdown()  # type: ignore[no-untyped-call]


class _Over(Exception):  # noqa: N818 - a verdict, not an error: the exporter does not retry what it does not know
    """The attempt is over."""


class OneAttempt(requests.Session):
    """A session that notes what it met, and keeps the exporter from waiting and retrying."""

    def prepare_attempt(self, timeout_s: float) -> None:
        """Forget the last attempt."""
        self.met: Sent | None = None
        self.trouble = ""
        self._timeout_s = timeout_s

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Make the request; raises what the exporter takes for final."""
        kwargs["timeout"] = self._timeout_s
        try:
            response = self._at_once(*args, **kwargs)
        except requests.RequestException as error:
            self.met, self.trouble = Sent.AWAY, type(error).__name__
            raise _Over from error
        if response.status_code >= 400:
            self.met = Sent.BUSY if response.status_code in _BUSY else Sent.REFUSED
            self.trouble = f"HTTP {response.status_code}"
            response.close()
            raise _Over
        return response

    def _at_once(self, *args: Any, **kwargs: Any) -> requests.Response:
        try:
            return super().request(*args, **kwargs)
        except requests.Timeout:
            raise
        except requests.ConnectionError:  # a connection that was kept open too long; a second one tells
            return super().request(*args, **kwargs)
