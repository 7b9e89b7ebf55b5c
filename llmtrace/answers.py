"""An HTTP response, of whichever HTTP library the client runs on, as far as a recording asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from llmtrace.reading.encodings import Decoded, decode_with, inflate
from llmtrace.reading.events import Chunk
from llmtrace.reading.forms import form_fields

MAX_KEPT_BYTES: Final = 16 * 1024 * 1024
"""A longer body is not kept: its usage stays unknown rather than the app's memory in use."""


class HttpAnswer:
    """What the worker may ask of an answer. Bodies are immutable bytes; nothing is read from the network.

    Of the response only that is taken which is asked for: a response that waits for the worker keeps some hundred
    objects alive, and it is the app's next call that pays for memory which was not given back.
    """

    __slots__ = ("_body", "_headers", "_kind", "_request", "_request_body", "_url")

    def __init__(self, response: Any) -> None:
        request = response.request
        self._kind = type(response)
        self._headers = response.headers
        self._body = _content(response)
        self._request_body = _content(request)
        self._url = getattr(request, "url", None)
        self._request = request if self._request_body is None else None
        """Kept where its body is a stream, as a multipart one is."""

    @classmethod
    def to_nobody(cls, request: Any) -> HttpAnswer:
        """The answer to a request that got none."""
        return cls(_Unanswered(request))

    def request_body(self) -> bytes | None:
        """The request's body as it was encoded; None for a multipart body, which is a stream."""
        return self._request_body

    def request_form(self) -> list[tuple[str, str]]:
        """Fields of a multipart request that are no files, in order."""
        if self._request is None:
            return form_fields(self._request_body or b"")
        try:
            values = [(field.name, field.value) for field in self._request.stream.fields if hasattr(field, "value")]
        except Exception:  # noqa: BLE001 - another kind of stream
            return []
        return [(name, _as_text(value)) for name, value in values if isinstance(name, str)]

    def request_path(self) -> str:
        """Path of the request's URL."""
        path = getattr(self._url, "path", "")
        return path if isinstance(path, str) else ""

    def body(self) -> bytes | None:
        """The whole body if the client had read it, as it does for all but streams."""
        return self._body

    def size_bytes(self) -> int:
        """About how much memory both bodies take, as far as they were read whole."""
        return len(self._request_body or b"") + len(self._body or b"")

    def decoded(self, chunks: list[Chunk]) -> Decoded:
        """Chunks as they came off the transport, without their content encoding."""
        encoding = self._headers.get("content-encoding", "identity").strip().lower()
        if encoding in ("", "identity"):
            return Decoded(chunks, whole=True)
        if encoding in ("gzip", "deflate"):
            return inflate(chunks, encoding, MAX_KEPT_BYTES)

        def by_the_http_library(data: Iterable[bytes]) -> Iterable[bytes]:
            pieces: Iterable[bytes] = self._kind(
                200, headers={"content-encoding": encoding}, content=iter(data)
            ).iter_bytes()
            return pieces

        return decode_with(by_the_http_library, chunks, MAX_KEPT_BYTES)

    def headers(self) -> Mapping[str, str]:
        """The answer's headers, looked up whatever their case."""
        headers: Mapping[str, str] = self._headers
        return headers

    def is_event_stream(self) -> bool:
        """By the answer's own content type."""
        kind: str = self._headers.get("content-type", "")
        return kind.partition(";")[0].strip().lower() == "text/event-stream"


def _content(message: Any) -> bytes | None:
    try:
        content = message.content
    except Exception:  # noqa: BLE001 - RequestNotRead and ResponseNotRead of either HTTP library
        return None
    return content if isinstance(content, bytes) else None


def _as_text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class _Unanswered:
    """Stands where the response of a request that got none would."""

    headers: Final[dict[str, str]] = {}
    content: Final = b""

    def __init__(self, request: Any) -> None:
        self.request = request
