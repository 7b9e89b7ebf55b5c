"""Speech that was made of text, and text that was made of speech."""

from __future__ import annotations

from typing import Final

from llmtrace import semconv as names
from llmtrace.details.fields import Bodies, Details, Field, told
from llmtrace.reading.json_values import count, number, text, word

_SPOKEN: Final = (
    Field(names.REQUEST_VOICE, "voice|voice.id", word),
    Field(names.REQUEST_AUDIO_FORMAT, "response_format", word),
    Field(names.REQUEST_AUDIO_SPEED, "speed", number),
)
_HEARD: Final = (
    Field(names.REQUEST_AUDIO_FORMAT, "response_format", word),
    Field(names.REQUEST_LANGUAGE, "language", word),
)
_TRANSCRIPT: Final = (
    Field(names.RESPONSE_AUDIO_SECONDS, "duration", number),
    Field(names.RESPONSE_LANGUAGE, "language", word),
)


def speech(bodies: Bodies) -> Details:
    """Voice and format asked for, how long the text was, how many bytes of speech came."""
    spoken = text(bodies.sent.get("input"))
    return {
        names.OUTPUT_TYPE: "speech",
        **told(_SPOKEN, bodies.sent),
        names.REQUEST_INPUT_CHARACTERS: len(spoken) if spoken else None,
        names.RESPONSE_AUDIO_BYTES: count(bodies.answered.get("audio_bytes")) or bodies.answered_bytes,
    }


def transcript(bodies: Bodies) -> Details:
    """Format asked for, and the seconds of audio that were read."""
    return {names.OUTPUT_TYPE: "text", **told(_HEARD, bodies.sent), **told(_TRANSCRIPT, bodies.answered)}
