"""Reply bodies into a ``Reply``: one reader per wire format, for a whole JSON body."""

from __future__ import annotations

import re

from llmtrace.calls import Failure, Reply
from llmtrace.reading.json_values import Json, integer, items, mapping, text
from llmtrace.reading.large import parse_json
from llmtrace.reading.requests import conversation_id
from llmtrace.reading.tools import read_tools
from llmtrace.reading.usage import is_malformed, read_usage

# How a responses answer ended, in the words chat completions has for it.
_FINISH_OF_REASON = {"max_output_tokens": "length", "content_filter": "content_filter"}


CUT_SHORT = "error"
"""The convention's finish reason of what was to come and did not: failed, cancelled, cut off."""
MAX_CHOICES = 128
"""No provider makes more; what was asked for is the app's word alone."""

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def parse_reply(body: bytes) -> Json:
    """The JSON object answered, or an empty one; of a large body only the parts around its vectors and files."""
    try:
        return mapping(parse_json(body))
    except ValueError:
        return {}


def read_reply(wire: str, body: Json) -> Reply:
    """The reply told by a whole body (of a stream: by the body its events add up to)."""
    if wire == "responses":
        return _responses(body)
    if wire in ("chat", "completions"):
        return _chat(body)
    if wire in ("embeddings", "images", "speech", "transcriptions", "decisions"):
        return _metered(body)
    if wire == "moderations":
        return Reply(id=text(body.get("id")), model=text(body.get("model")))
    return Reply()


def reasons_cut_short(wire: str, body: Json, choices: int) -> tuple[str, ...]:
    """Finish reasons of a stream that ended before its time: ``error`` for each of the choices that got none."""
    if wire not in ("chat", "completions", "responses"):
        return ()
    reasons = [text(mapping(choice).get("finish_reason")) or CUT_SHORT for choice in items(body.get("choices"))]
    return (*reasons, *[CUT_SHORT] * (min(choices, MAX_CHOICES) - len(reasons)))


def _metered(body: Json) -> Reply:
    """An answer of which model and usage are told."""
    return Reply(
        model=text(body.get("model")),
        usage=read_usage(body.get("usage")),
        usage_malformed=is_malformed(body.get("usage")),
    )


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
        tools=read_tools(body),
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
    return (CUT_SHORT,) if status in ("failed", "cancelled") else ()
