"""Messages of a socket as the events the same response has over HTTP, so that one set of readers reads both.

The responses API sends the very same events either way. The Realtime API has its own, close enough to be told in the
others' words: ``response.done`` for every end, ``input_token_details``, audio parts with a transcript. Both
generations of its names are known, ``response.audio.delta`` and ``response.output_audio.delta``.

Source: https://platform.openai.com/docs/api-reference/realtime-server-events and the types of openai-python 3.54.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from llmtrace.reading.json_values import Json, items, mapping, text

_ENDS: Final = {
    "completed": "response.completed",
    "failed": "response.failed",
    "incomplete": "response.incomplete",
    "cancelled": "response.cancelled",
}
_TEXT_DELTAS: Final = frozenset(
    f"response.{kind}.delta" for kind in ("text", "audio_transcript", "output_text", "output_audio_transcript")
)
_AUDIO_DELTAS: Final = frozenset(("response.audio.delta", "response.output_audio.delta"))
_SPEECH: Final = frozenset(("text", "audio", "output_text", "output_audio"))
_HEAD_FIELD: Final = re.compile(r'"(type|response_id|item_id|stream_id)"\s*:\s*"([^"\\]*)"')


def read_message(data: bytes | str) -> Json:
    """The event in a message, or an empty one; of a message of which only the head was kept, its names."""
    try:
        return mapping(json.loads(data))
    except (ValueError, RecursionError):
        head = data if isinstance(data, str) else data.decode("utf-8", "replace")
        return dict(_HEAD_FIELD.findall(head[:1024]))


def responses_request(event: Json, session: Json, model: str | None) -> Json:
    """The body of the request that ``response.create`` is; ``session`` holds what the app has set for all of them."""
    own = mapping(event.get("response"))
    sent = {key: value for key, value in (own or event).items() if key not in ("type", "event_id", "stream_id")}
    if sent.get("conversation") in ("auto", "none"):  # of the Realtime API: where the answer is put
        del sent["conversation"]
    given = {key: session[key] for key in ("instructions", "tools") if session.get(key)}
    named = {"model": model} if model else {}
    return {**named, **given, **sent}


def responses_event(event: Json, model: str | None) -> Json:
    """An event of the Realtime API in the words of the responses API; one of those as it is.

    A realtime response names no model: ``model`` is that of its session, as the server reports it.
    """
    kind = text(event.get("type")) or ""
    if kind in _AUDIO_DELTAS:
        return {key: value for key, value in event.items() if key != "delta"}
    if kind in _TEXT_DELTAS:
        return {**event, "type": "response.output_text.delta"}
    if item := mapping(event.get("item")):
        return {**event, "item": _item(item)}
    response = mapping(event.get("response"))
    if response.get("object") != "realtime.response":
        return event
    if kind == "response.done":
        kind = _ENDS.get(text(response.get("status")) or "", "response.completed")
    return {**event, "type": kind, "response": _response(response, model)}


def _response(response: Json, model: str | None) -> Json:
    told = {**response, "output": [_item(mapping(item)) for item in items(response.get("output"))]}
    if model:
        told["model"] = model
    if usage := mapping(response.get("usage")):
        told["usage"] = {**usage, **_details(usage)}
    details = mapping(response.get("status_details"))
    if error := details.get("error"):
        told["error"] = error
    if reason := text(details.get("reason")):
        told["incomplete_details"] = {"reason": reason}
    return told


def _details(usage: Json) -> Json:
    pairs = (("input_token_details", "input_tokens_details"), ("output_token_details", "output_tokens_details"))
    return {there: usage[here] for here, there in pairs if here in usage}


def _item(item: Json) -> Json:
    return {**item, "content": [_part(part) for part in items(item["content"])]} if "content" in item else item


def _part(part: Any) -> Any:
    if text(mapping(part).get("type")) not in _SPEECH:
        return part
    return {"type": "output_text", "text": text(part.get("text")) or text(part.get("transcript")) or ""}
