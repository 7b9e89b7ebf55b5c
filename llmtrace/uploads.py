"""Blobs of captured content, kept where the user wants them, with a reference to them in the message.

    worker: blob ──uri()──▶ the message has it           queue, bounded ──▶ a thread of its own: store()

The reference is told before the blob is stored, so no span waits for storage: an upload that raises, hangs or is slow
costs the blob, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable

from llmtrace import faults, unfinished
from llmtrace.processes import forget_at_exit, run_at_exit
from llmtrace.worker import Worker

if TYPE_CHECKING:
    from llmtrace.reading.blobs import Keep
    from llmtrace.settings import Settings

MAX_WAITING: Final = 256
MAX_REMEMBERED: Final = 4096
CLOSE_TIMEOUT_S: Final = 2.0
"""How long an exit may wait for blobs to be stored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """An image, a recording, a file, or a text too long to go along."""

    data: bytes = field(repr=False)
    media_type: str
    """As the request or the answer has it: hostile text."""
    sha256: str
    """Of ``data``, 64 hexadecimal digits: the same blob in every turn of a conversation is one."""
    trace_id: str
    """Of the call it was first seen in: 32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""


@runtime_checkable
class Upload(Protocol):
    """Keeps blobs: what is given to ``instrument(upload=...)``."""

    def uri(self, blob: Blob) -> str | None:
        """Where the blob will be; None when it is not kept. Called on the worker thread: no network, no disk."""

    def store(self, blob: Blob) -> None:
        """Store it. Called on a thread of its own, one blob at a time; may take its time, and may raise."""


Uploading: TypeAlias = "Upload | Callable[[Blob], object]"


class FolderUpload:
    """Keeps blobs as files named by their content: ``<path>/<first two digits>/<sha256><extension>``.

    Files are readable by their owner alone, and appear whole or not at all. Nothing is ever deleted.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._folder = Path(path).absolute()

    def uri(self, blob: Blob) -> str:
        """Its ``file:`` URI."""
        return self._file(blob).as_uri()

    def store(self, blob: Blob) -> None:
        """Write the file, unless it is there."""
        file = self._file(blob)
        if file.exists():
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".")  # 0600, as it makes them
        try:
            with os.fdopen(handle, "wb") as written:
                written.write(blob.data)
            Path(name).replace(file)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise

    def _file(self, blob: Blob) -> Path:
        extension = mimetypes.guess_extension(blob.media_type) or ".bin"
        return self._folder / blob.sha256[:2] / (blob.sha256 + extension)


class CallableUpload:
    """A function that stores, as an upload: blobs are referred to by what they are, not by where they went."""

    def __init__(self, store: Callable[[Blob], object]) -> None:
        self._store = store

    def uri(self, blob: Blob) -> str:
        """A ``ni:`` URI, the name of a content by its hash (RFC 6920)."""
        digest = base64.urlsafe_b64encode(bytes.fromhex(blob.sha256)).rstrip(b"=").decode()
        return f"ni:///sha-256;{digest}"

    def store(self, blob: Blob) -> None:
        """Call the function."""
        self._store(blob)


class Uploads:
    """Hands blobs to the upload, off every thread that somebody waits for."""

    def __init__(self, upload: Uploading, settings: Settings, calls: Worker) -> None:
        self._calls = calls
        self._upload = upload if isinstance(upload, Upload) else CallableUpload(upload)
        self._worker = Worker(
            limit=MAX_WAITING,
            limit_bytes=settings.queue_bytes,
            name="llmtrace-uploads",
            when_full="llmtrace: more than %d blobs (or %d bytes of them) wait to be uploaded; more are left out",
        )
        self._seen: OrderedDict[str, None] = OrderedDict()
        run_at_exit(self._exit)

    def keep(self, trace_id: str, span_id: str) -> Keep:
        """What keeps the blobs of one call: answers where a blob will be, or None when it cannot be kept."""

        def keep(data: bytes, media_type: str) -> str | None:
            digest = hashlib.sha256(data).hexdigest()
            blob = Blob(data=data, media_type=media_type, sha256=digest, trace_id=trace_id, span_id=span_id)
            try:
                uri = self._upload.uri(blob)
            except BaseException as error:  # noqa: BLE001 - it is the user's, and costs the blob
                _say_failed(error)
                return None
            return uri if isinstance(uri, str) and uri and self._hand_over(blob) else None

        return keep

    def flush(self, timeout_s: float) -> bool:
        """Wait until every blob so far is stored, or failed to be; False when time ran out."""
        return self._worker.drain(timeout_s)

    def release(self) -> None:
        """Store what is left, as far as that is quick, and end."""
        forget_at_exit(self._exit)
        self._worker.drain(CLOSE_TIMEOUT_S)
        self._worker.stop()

    def _exit(self) -> None:
        unfinished.streams.end_all()
        self._calls.drain_finally()
        self._worker.drain(CLOSE_TIMEOUT_S)

    def _hand_over(self, blob: Blob) -> bool:
        if blob.sha256 in self._seen:
            self._seen.move_to_end(blob.sha256)
            return True
        if not self._worker.put(lambda: self._store(blob), len(blob.data)):
            return False
        self._seen[blob.sha256] = None
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def _store(self, blob: Blob) -> None:
        try:
            self._upload.store(blob)
        except BaseException as error:  # noqa: BLE001 - it is the user's, and costs the blob
            self._seen.pop(blob.sha256, None)  # the next call that has it tries again
            _say_failed(error)


def _say_failed(error: BaseException) -> None:
    faults.say_once(
        "upload-failed",
        "llmtrace: the upload of a blob failed (%s); its reference leads nowhere, the span is whole. "
        "This is said once.",
        type(error).__name__,
    )
