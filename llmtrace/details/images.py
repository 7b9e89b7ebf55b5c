"""Images: made, edited or varied, streamed or not. The pictures themselves are counted, never read."""

from __future__ import annotations

from typing import Final

from llmtrace import semconv as names
from llmtrace.details.fields import Bodies, Details, Field, told
from llmtrace.reading.json_values import items, word

_SENT: Final = (
    Field(names.REQUEST_IMAGE_SIZE, "size", word),
    Field(names.REQUEST_IMAGE_QUALITY, "quality", word),
    Field(names.REQUEST_IMAGE_FORMAT, "output_format", word),
    Field(names.REQUEST_IMAGE_BACKGROUND, "background", word),
)
_ANSWERED: Final = (
    Field(names.RESPONSE_IMAGE_SIZE, "size", word),
    Field(names.RESPONSE_IMAGE_QUALITY, "quality", word),
    Field(names.RESPONSE_IMAGE_FORMAT, "output_format", word),
)


def read(bodies: Bodies) -> Details:
    """What was asked for, and how many images came."""
    return {
        names.OUTPUT_TYPE: "image",
        **told(_SENT, bodies.sent),
        **told(_ANSWERED, bodies.answered),
        names.RESPONSE_IMAGES_COUNT: len(items(bodies.answered.get("data"))) or None,
    }
