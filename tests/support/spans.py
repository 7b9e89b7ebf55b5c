"""Reading spans in tests."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode


def attributes(span: ReadableSpan) -> dict[str, Any]:
    """A span's attributes as a plain dict."""
    return dict(span.attributes or {})


def failed(span: ReadableSpan) -> bool:
    """Whether the span's status is ERROR."""
    return span.status.status_code is StatusCode.ERROR
