"""Jobs, files, stores and the like: which one a call made or fetched, and how it stands."""

from __future__ import annotations

import re
from typing import Final

from llmtrace import semconv as names
from llmtrace.details.fields import Bodies, Details, Field, Value, told
from llmtrace.reading.json_values import count, number, text, word

_THREAD: Final = re.compile(r"/threads/([^/]+)/")


def _seconds(value: object) -> float | None:
    """A number, or one in a string: videos spell their length either way."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
        return float(value)
    return number(value)


_OBJECT: Final = (
    Field(names.OBJECT_TYPE, "object", word),
    Field(names.OBJECT_ID, "id", word),
    Field(names.OBJECT_STATUS, "status", word),
    Field(names.OBJECT_ERROR_CODE, "error.code|last_error.code", word),
)
_OF: Final[dict[str, tuple[Field, ...]]] = {
    "batch": (
        Field(names.RESPONSE_MODEL, "model", word),
        Field(names.BATCH_ENDPOINT, "endpoint", word),
        Field(names.BATCH_REQUESTS_TOTAL, "request_counts.total", count),
        Field(names.BATCH_REQUESTS_COMPLETED, "request_counts.completed", count),
        Field(names.BATCH_REQUESTS_FAILED, "request_counts.failed", count),
        Field(names.BATCH_INPUT_TOKENS, "usage.input_tokens", count),
        Field(names.BATCH_OUTPUT_TOKENS, "usage.output_tokens", count),
    ),
    "fine_tuning.job": (
        Field(names.RESPONSE_MODEL, "model", word),
        Field(names.FINE_TUNED_MODEL, "fine_tuned_model", word),
        Field(names.FINE_TUNING_TOKENS, "trained_tokens", count),
    ),
    "video": (
        Field(names.RESPONSE_MODEL, "model", word),
        Field(names.OBJECT_PROGRESS, "progress", count),
        Field(names.VIDEO_SECONDS, "seconds", _seconds),
        Field(names.VIDEO_SIZE, "size", word),
    ),
    "assistant": (Field(names.AGENT_ID, "id", word),),
    "agent": (Field(names.AGENT_ID, "id", word),),
    "thread.run": (
        Field(names.AGENT_ID, "assistant_id", word),
        Field(names.CONVERSATION_ID, "thread_id", word),
        Field(names.RESPONSE_MODEL, "model", word),
    ),
    "conversation": (Field(names.CONVERSATION_ID, "id", word),),
}
_VIDEO_SENT: Final = (
    Field(names.REQUEST_VIDEO_SECONDS, "seconds", _seconds),
    Field(names.REQUEST_VIDEO_SIZE, "size", word),
)


def read(bodies: Bodies) -> Details:
    """Type, id and status of the object answered, and what its type has besides."""
    kind = text(bodies.answered.get("object")) or ""
    video: dict[str, Value | None] = {}
    if kind == "video" or bodies.path.endswith("/videos"):
        video = {names.OUTPUT_TYPE: "video", **told(_VIDEO_SENT, bodies.sent)}
    found = _THREAD.search(bodies.path)
    return {
        names.CONVERSATION_ID: word(found[1]) if found else None,
        names.AGENT_ID: word(bodies.sent.get("assistant_id")) or word(bodies.sent.get("agent_id")),
        **video,
        **{name: value for name, value in told(_OBJECT, bodies.answered).items() if value is not None},
        **{name: value for name, value in told(_OF.get(kind, ()), bodies.answered).items() if value is not None},
    }
