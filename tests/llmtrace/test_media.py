"""Images, speech, transcripts: what was asked and what came, counted; never the pictures, the sound or the words."""

from __future__ import annotations

import base64
import io
import json
import os
from typing import Any

from support.releases import needs_openai
from support.spans import attributes

PIXELS = base64.b64encode(os.urandom(600)).decode()
TOKENS = {
    "input_tokens": 50,
    "output_tokens": 1000,
    "total_tokens": 1050,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
}
IMAGES = {"created": 1, "size": "1024x1024", "quality": "high", "output_format": "png", "usage": TOKENS}


def test_images_are_counted_and_their_tokens_told(traces: Any, fake: Any, client: Any) -> None:
    fake.script("POST", "/images/generations", {**IMAGES, "data": [{"b64_json": PIXELS}, {"b64_json": PIXELS}]})
    client.images.generate(model="gpt-image-1", prompt="a secret cat", n=2, size="auto", quality="high")
    span = traces.one()
    found = attributes(span)
    assert span.name == "images.generations gpt-image-1"
    assert found["gen_ai.output.type"] == "image"
    assert found["gen_ai.request.choice.count"] == 2
    assert (found["llmtrace.request.image.size"], found["llmtrace.response.image.size"]) == ("auto", "1024x1024")
    assert found["llmtrace.response.images.count"] == 2
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (50, 1000)
    assert "secret" not in json.dumps(found)


def test_a_picture_of_many_megabytes_is_passed_over(traces: Any, fake: Any, client: Any) -> None:
    large = base64.b64encode(os.urandom(6_000_000)).decode()
    fake.script("POST", "/images/generations", {"data": [{"b64_json": large}] * 2, **IMAGES})
    client.images.generate(model="gpt-image-1", prompt="x")
    found = attributes(traces.one())
    assert found["llmtrace.response.images.count"] == 2
    assert found["gen_ai.usage.output_tokens"] == 1000


@needs_openai("1.76")  # several images
def test_edits_are_read_from_their_form(traces: Any, fake: Any, client: Any, run: Any, async_client: Any) -> None:
    fake.script("POST", "/images/edits", {**IMAGES, "data": [{"b64_json": PIXELS}]})
    asked: Any = {"model": "gpt-image-1", "image": [b"1" * 99, b"2"], "prompt": "a secret", "n": 3, "size": "1024x1024"}
    client.images.edit(**asked, extra_body={"quality": "low"})
    run(async_client.images.edit(**asked, extra_body={"quality": "low"}))
    for span in traces.spans():
        found = attributes(span)
        assert span.name == "images.edits gpt-image-1"
        assert found["gen_ai.request.choice.count"] == 3
        assert found["llmtrace.request.image.size"] == "1024x1024"
        assert found["llmtrace.request.image.quality"] == "low"
        assert "secret" not in json.dumps(found)


def test_streamed_images_tell_usage_and_how_many_came(traces: Any, fake: Any, client: Any) -> None:
    partial = {"type": "image_generation.partial_image", "b64_json": PIXELS, "partial_image_index": 0}
    whole = {**IMAGES, "type": "image_generation.completed", "b64_json": PIXELS}
    fake.script("POST", "/images/generations", [partial, partial, whole])
    list(client.images.generate(model="gpt-image-1", prompt="x", stream=True, partial_images=2))
    found = attributes(traces.one())
    assert found["llmtrace.response.images.count"] == 1
    assert found["gen_ai.usage.output_tokens"] == 1000
    assert found["llmtrace.response.stream_end"] == "completed"
    assert found["gen_ai.response.time_to_first_chunk"] <= found["llmtrace.response.time_to_first_token"]


def test_speech_tells_voice_length_and_bytes(traces: Any, fake: Any, client: Any, run: Any, async_client: Any) -> None:
    fake.script("POST", "/audio/speech", b"ID3" * 1000)
    asked: Any = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "seven l"}
    client.audio.speech.create(**asked, response_format="mp3", speed=2)
    run(async_client.audio.speech.create(**asked, response_format="mp3", speed=2))
    for span in traces.spans():
        found = attributes(span)
        assert span.name == "audio.speech gpt-4o-mini-tts"
        assert found["gen_ai.output.type"] == "speech"
        assert found["llmtrace.request.audio.voice"] == "alloy"
        assert found["llmtrace.request.audio.format"] == "mp3"
        assert found["llmtrace.request.audio.speed"] == 2.0
        assert found["llmtrace.request.input.characters"] == 7
        assert found["llmtrace.response.audio.bytes"] == 3000
        assert "seven" not in json.dumps(found)


def test_speech_that_is_streamed_is_counted_and_not_kept(traces: Any, fake: Any, client: Any) -> None:
    sound = os.urandom(300_000)
    fake.script("POST", "/audio/speech", sound)
    ask: Any = {"model": "tts-1", "voice": "echo", "input": "x"}
    with client.audio.speech.with_streaming_response.create(**ask) as response:
        heard = b"".join(response.iter_bytes())
    assert heard == sound
    assert attributes(traces.one())["llmtrace.response.audio.bytes"] == len(sound)


def test_speech_as_events_tells_its_usage(traces: Any, fake: Any, client: Any) -> None:
    usage = {"input_tokens": 5, "output_tokens": 70, "total_tokens": 75}
    delta = {"type": "speech.audio.delta", "audio": base64.b64encode(b"12345").decode()}
    fake.script("POST", "/audio/speech", [delta, delta, {"type": "speech.audio.done", "usage": usage}])
    ask: Any = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "x", "stream_format": "sse"}
    with client.audio.speech.with_streaming_response.create(**ask) as response:
        b"".join(response.iter_bytes())
    found = attributes(traces.one())
    assert found["llmtrace.response.audio.bytes"] == 10
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (5, 70)


def test_a_transcript_tells_form_and_tokens(traces: Any, fake: Any, client: Any, run: Any, async_client: Any) -> None:
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59}
    fake.script("POST", "/audio/transcriptions", {"text": "a secret", "usage": usage})
    ask: Any = {"model": "gpt-4o-transcribe", "language": "de", "response_format": "json", "temperature": 0.5}
    client.audio.transcriptions.create(**ask, file=("secret.wav", b"RIFF" * 1000))
    run(async_client.audio.transcriptions.create(**ask, file=("secret.wav", io.BytesIO(b"RIFF" * 1000))))
    for span in traces.spans():
        found = attributes(span)
        assert span.name == "audio.transcriptions gpt-4o-transcribe"
        assert found["gen_ai.output.type"] == "text"
        assert found["gen_ai.request.temperature"] == 0.5
        assert found["llmtrace.request.audio.language"] == "de"
        assert found["llmtrace.request.audio.format"] == "json"
        assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (14, 45)
        assert "secret" not in json.dumps(found)


def test_a_transcript_that_is_billed_by_time_tells_its_seconds(traces: Any, fake: Any, client: Any) -> None:
    fake.script(
        "POST",
        "/audio/transcriptions",
        {"text": "x", "duration": 12.4, "language": "german", "usage": {"type": "duration", "seconds": 13}},
    )
    client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"), response_format="verbose_json")
    found = attributes(traces.one())
    assert found["llmtrace.usage.audio.seconds"] == 13.0
    assert found["llmtrace.response.audio.seconds"] == 12.4
    assert found["llmtrace.response.audio.language"] == "german"


def test_a_streamed_transcript_tells_its_usage(traces: Any, fake: Any, client: Any) -> None:
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 2, "total_tokens": 16}
    deltas = [{"type": "transcript.text.delta", "delta": piece} for piece in ("a ", "secret")]
    done = {"type": "transcript.text.done", "text": "a secret", "usage": usage}
    fake.script("POST", "/audio/transcriptions", [*deltas, done])
    list(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=("a.wav", b"RIFF"), stream=True))
    found = attributes(traces.one())
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.usage.output_tokens"] == 2
    assert found["llmtrace.response.stream_end"] == "completed"
    assert "secret" not in json.dumps(found)


def test_a_transcript_in_plain_text_tells_what_was_asked(traces: Any, fake: Any, client: Any) -> None:
    fake.script("POST", "/audio/transcriptions", b"1\n00:00 --> 00:01\nhello\n")
    client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"), response_format="srt")
    found = attributes(traces.one())
    assert found["llmtrace.request.audio.format"] == "srt"
    assert "gen_ai.usage.input_tokens" not in found


def test_the_file_an_app_sends_reaches_the_server_as_without_us(traces: Any, fake: Any, client: Any) -> None:
    fake.script("POST", "/audio/transcriptions", {"text": "x"})
    recording = io.BytesIO(b"RIFF" * 50_000)
    client.audio.transcriptions.create(model="whisper-1", file=recording)
    assert int(fake.requests[-1].headers["Content-Length"]) > 200_000
    assert traces.one().name == "audio.transcriptions whisper-1"
    assert not recording.closed
