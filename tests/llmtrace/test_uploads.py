"""Blobs go to whoever keeps them, with a reference in their place, and cost the span nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

import llmtrace
from llmtrace.uploads import Blob, FolderUpload
from support.spans import attributes
from support.waiting import wait_for

IMAGE = bytes(range(256)) * 40
DIGEST = hashlib.sha256(IMAGE).hexdigest()
DATA = base64.b64encode(IMAGE).decode()


def _asked(*parts: Any) -> Any:
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": list(parts)}]}


IMAGE_PART = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}}
AUDIO_PART = {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}}
FILE_PART = {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{DATA}"}}


@pytest.fixture
def capturing(traces: Any) -> Callable[..., Any]:
    def capturing(**arguments: Any) -> Any:
        llmtrace.uninstrument()
        llmtrace.instrument(traces.provider, **{"export": "none", "capture_content": True, **arguments})
        return traces

    return capturing


def _parts(span: Any) -> list[Any]:
    found = json.loads(attributes(span)["gen_ai.input.messages"])[0]["parts"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (IMAGE_PART, {"modality": "image", "mime_type": "image/png"}),
        (AUDIO_PART, {"modality": "audio", "mime_type": "audio/wav"}),
        (FILE_PART, {"modality": "document", "mime_type": "application/pdf", "filename": "a.pdf"}),
    ],
)
def test_a_blob_becomes_a_file_and_a_uri_part(
    part: Any, told: Any, capturing: Any, fake_and_client: Any, tmp_path: Path
) -> None:
    _, client = fake_and_client
    traces = capturing(upload=FolderUpload(tmp_path / "blobs"))
    client.chat.completions.create(**_asked({"type": "text", "text": "look"}, part))
    said, kept = _parts(traces.one())
    assert said == {"type": "text", "content": "look"}
    assert {key: value for key, value in kept.items() if key != "uri"} == {"type": "uri", **told}
    file = Path(url2pathname(urlsplit(kept["uri"]).path))
    assert file.read_bytes() == IMAGE
    assert file.name.startswith(DIGEST)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == [file]


def test_a_function_is_told_what_a_blob_is_and_where_it_was_seen_each_blob_once(
    capturing: Any, fake_and_client: Any
) -> None:
    _, client = fake_and_client
    blobs: list[Blob] = []
    threads = set()

    def store(blob: Blob) -> None:
        blobs.append(blob)
        threads.add(threading.current_thread().name)

    traces = capturing(upload=store)
    for _ in range(2):
        client.chat.completions.create(**_asked(IMAGE_PART))
    first, second = traces.spans()
    (blob,) = blobs
    assert (blob.data, blob.media_type, blob.sha256) == (IMAGE, "image/png", DIGEST)
    assert (blob.trace_id, blob.span_id) == (f"{first.context.trace_id:032x}", f"{first.context.span_id:016x}")
    assert _parts(first)[0]["uri"].startswith("ni:///sha-256;")
    assert _parts(first) == _parts(second)
    assert threads == {"llmtrace-uploads"}


def test_a_text_over_the_limit_is_kept_whole_and_redacted(
    capturing: Any, fake_and_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = fake_and_client
    monkeypatch.setenv("LLMTRACE_MAX_PART_CHARS", "100")
    blobs: list[Blob] = []
    traces = capturing(upload=blobs.append, redact="email")
    client.chat.completions.create(**_asked({"type": "text", "text": "ada@example.com " + "x" * 500}))
    (kept,) = _parts(traces.one())
    assert kept["type"] == "uri"
    assert [(blob.media_type, blob.data[:18]) for blob in blobs] == [("text/plain", b"[redacted: email] ")]


class Raising:
    def uri(self, blob: Blob) -> str:
        raise OSError(blob)

    def store(self, blob: Blob) -> None:
        raise AssertionError


class Declining(Raising):
    def uri(self, blob: Blob) -> Any:
        return None


class Failing(Raising):
    def uri(self, blob: Blob) -> str:
        return f"s3://bucket/{blob.sha256}"

    def store(self, blob: Blob) -> None:
        raise ConnectionError("no network")


@pytest.mark.parametrize("upload", [Raising(), Declining(), Failing()])
def test_an_upload_that_fails_costs_the_blob_alone(
    upload: Any, capturing: Any, fake_and_client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    _, client = fake_and_client
    traces = capturing(upload=upload)
    for _ in range(2):
        client.chat.completions.create(**_asked({"type": "text", "text": "look"}, IMAGE_PART))
    for span in traces.spans():
        assert _parts(span)[0] == {"type": "text", "content": "look"}
        assert "bytes left out" in str(_parts(span)[1]) or _parts(span)[1]["uri"] == f"s3://bucket/{DIGEST}"
        assert attributes(span)["gen_ai.usage.input_tokens"] > 0
    assert sum("upload of a blob failed" in record.getMessage() for record in caplog.records) == (
        0 if isinstance(upload, Declining) and type(upload) is Declining else 1
    )


def test_an_upload_that_hangs_holds_up_no_span(capturing: Any, fake_and_client: Any) -> None:
    _, client = fake_and_client
    release, hanging = threading.Event(), threading.Event()

    def hangs(_: Blob) -> None:
        hanging.set()
        release.wait(30)

    traces = capturing(upload=hangs)
    try:
        for number in range(3):
            blob = base64.b64encode(bytes([number]) * 3000).decode()
            part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{blob}"}}
            client.chat.completions.create(**_asked(part))
        wait_for(hanging.is_set)
        wait_for(lambda: len(traces.finished()) == 3, what="spans while the upload hangs")
        assert not llmtrace.flush(0.1)
    finally:
        release.set()
    assert llmtrace.flush()


def test_without_capture_nothing_is_uploaded(capturing: Any, fake_and_client: Any) -> None:
    _, client = fake_and_client
    blobs: list[Blob] = []
    traces = capturing(upload=blobs.append, capture_content=False)
    client.chat.completions.create(**_asked(IMAGE_PART))
    assert traces.one()
    assert blobs == []


def test_what_only_looks_like_a_blob_stays(capturing: Any, fake_and_client: Any) -> None:
    _, client = fake_and_client
    blobs: list[Blob] = []
    traces = capturing(upload=blobs.append)
    client.chat.completions.create(**_asked({"type": "other", "result": "word", "data": "not base64 " * 30}))
    assert _parts(traces.one()) == [{"type": "other", "result": "word", "data": "not base64 " * 30}]
    assert blobs == []


def test_blobs_of_a_process_that_ends_at_once_are_stored(fake: Any, tmp_path: Path) -> None:
    code = (
        "import llmtrace, openai, os, json\n"
        "from llmtrace.uploads import FolderUpload\n"
        "llmtrace.instrument(export='none', capture_content=True, upload=FolderUpload(os.environ['FOLDER']))\n"
        "client = openai.OpenAI(base_url=os.environ['FAKE'], api_key='x')\n"
        "client.chat.completions.create(**json.loads(os.environ['ASKED']))\n"
    )
    environ = {**os.environ, "FAKE": fake.base_url, "FOLDER": str(tmp_path), "ASKED": json.dumps(_asked(IMAGE_PART))}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environ, check=True, timeout=60)
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [IMAGE]
