"""Reply bodies into a ``Reply``: one reader per wire format, for a whole JSON body."""

from __future__ import annotations

import json
import re
from typing import Any

from llmtrace.calls import Failure, Reply
from llmtrace.reading.json_values import NOT_JSON, Json, integer, items, mapping, text
from llmtrace.reading.requests import conversation_id
from llmtrace.reading.tools import read_tools
from llmtrace.reading.usage import is_malformed, read_usage

LARGE_BODY_BYTES = 256 * 1024
"""From here on an embeddings body is not parsed whole: one ``json.loads`` of many megabytes holds the GIL."""

# How a responses answer ended, in the words chat completions has for it.
_FINISH_OF_REASON = {"max_output_tokens": "length", "content_filter": "content_filter"}


_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def parse_reply(wire: str, body: bytes) -> Json:
    """The JSON object answered, or an empty one; of a large embeddings body only the parts around the vectors."""
    if wire == "embeddings" and len(body) > LARGE_BODY_BYTES:
        return {key: _value_after(body, key) for key in ("model", "usage")}
    try:
        return mapping(json.loads(body))
    except NOT_JSON:
        return {}


def read_reply(wire: str, body: Json) -> Reply:
    """The reply told by a whole body (of a stream: by the body its events add up to)."""
    if wire == "responses":
        return _responses(body)
    if wire in ("chat", "completions"):
        return _chat(body)
    if wire == "embeddings":
        return Reply(
            model=text(body.get("model")),
            usage=read_usage(body.get("usage")),
            usage_malformed=is_malformed(body.get("usage")),
        )
    return Reply()


def read_failure(error: object, status_code: int | None = None) -> Failure:
    """An error object of the API: ``{"type": ..., "code": ..., "message": ...}``.

    A code that does not look like one is passed over: it may quote the prompt, and codes are written without asking.
    """
    fields = mapping(error)
    code = _code(fields.get("code")) or _code(fields.get("type"))
    return Failure(type=code or "_OTHER", status_code=status_code, code=code, message=text(fields.get("message")))


def _code(value: object) -> str | None:
    number = integer(value)  # OpenRouter tells an HTTP status
    given = text(value) if number is None else str(number)
    return given if given and _CODE.fullmatch(given) else None


def _chat(body: Json) -> Reply:
    reasons = [text(mapping(choice).get("finish_reason")) for choice in items(body.get("choices"))]
    return Reply(
        id=text(body.get("id")),
        model=text(body.get("model")),
        finish_reasons=tuple(reason for reason in reasons if reason),
        usage=read_usage(body.get("usage")),
        usage_malformed=is_malformed(body.get("usage")),
        service_tier=text(body.get("service_tier")),
        system_fingerprint=text(body.get("system_fingerprint")),
        failure=read_failure(body["error"]) if body.get("error") else None,
    )


def _responses(body: Json) -> Reply:
    status = text(body.get("status"))
    kinds = [text(mapping(item).get("type")) or "" for item in items(body.get("output"))]
    failed = status == "failed" or bool(body.get("error"))
    return Reply(
        id=text(body.get("id")),
        model=text(body.get("model")),
        finish_reasons=_finish_reasons(status, body, kinds),
        status=status,
        usage=read_usage(body.get("usage")),
        usage_malformed=is_malformed(body.get("usage")),
        service_tier=text(body.get("service_tier")),
        conversation=conversation_id(body.get("conversation")),
        tools=read_tools(body),
        failure=read_failure(body.get("error")) if failed else None,
    )


def _finish_reasons(status: str | None, body: Json, kinds: list[str]) -> tuple[str, ...]:
    if status == "completed":
        return ("tool_calls",) if "function_call" in kinds or "custom_tool_call" in kinds else ("stop",)
    if status == "incomplete":
        reason = text(mapping(body.get("incomplete_details")).get("reason"))
        return (_FINISH_OF_REASON.get(reason, reason),) if reason else ()
    return ("error",) if status == "failed" else ()


def _value_after(body: bytes, key: str) -> Any:
    # Vectors hold numbers or base64, never a quote, so the key cannot stand inside one. "usage" may stand on
    # either side of the data; its value is small.
    at = body.rfind(f'"{key}"'.encode())
    if at < 0:
        return None
    rest = body[at + len(key) + 2 : at + 4096].decode("utf-8", "replace").lstrip(" \t\r\n").removeprefix(":")
    try:
        return json.JSONDecoder().raw_decode(rest.lstrip())[0]
    except NOT_JSON:
        return None
